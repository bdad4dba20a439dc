select usename
from pg_user
where usename = :job_user;
