-- Second statement of a load by a job, after the lock: a higher token than the job's makes it divide by zero, which
-- rolls the load back. The Data API has no other way to end a transaction on a condition.
update dw.job_lease
set
    taken_at = case when token < cast('${token}' as bigint) then getdate() else taken_at end,
    token = cast('${token}' as bigint) / case when token > cast('${token}' as bigint) then 0 else 1 end
where lease = '${lease}' and hop = '${hop}';
