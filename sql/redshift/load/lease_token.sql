select max(token) as token
from dw.job_lease
where lease = :lease and hop = :hop;
