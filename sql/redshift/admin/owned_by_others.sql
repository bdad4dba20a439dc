-- Tables and views of the schema that the job's user does not own.
select tablename as name
from pg_tables
where schemaname = 'dw' and tableowner <> :job_user
union all
select viewname as name
from pg_views
where schemaname = 'dw' and viewowner <> :job_user;
