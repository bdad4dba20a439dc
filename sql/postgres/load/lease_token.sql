select token
from dw.job_lease
where lease = %(lease)s and hop = %(hop)s;
