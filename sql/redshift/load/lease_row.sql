-- Run once by a job before its first load, so that there is a row whose token its loads can check.
insert into dw.job_lease (lease, hop, token, taken_at)
select
    :lease as lease,
    :hop as hop,
    cast(:token as bigint) as token,
    getdate() as taken_at
where not exists (
    select 1 from dw.job_lease
    where lease = :lease and hop = :hop
);
