-- First statement of a load by a job: who gets no row back has lost the lake to a job with a higher token. The row stays
-- locked until the load has committed, so the loads of two jobs come one after the other.
insert into dw.job_lease as known (lease, hop, token)
values (%(lease)s, %(hop)s, cast(%(token)s as bigint))
on conflict (lease, hop) do update
set
    token = excluded.token,
    taken_at = case when known.token < excluded.token then clock_timestamp() else known.taken_at end
where known.token <= excluded.token
returning token;
