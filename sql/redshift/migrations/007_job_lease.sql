-- Which job may load: a load shows the fencing token of its job in its own transaction, and a lower token than the one
-- that is here is refused.
create table if not exists dw.job_lease (
    lease varchar(64) not null,
    hop varchar(16) not null,
    token bigint not null,
    taken_at timestamp not null,
    primary key (lease, hop)
)
diststyle all;

comment on table dw.job_lease is 'Highest fencing token that loaded. Grain: lease of a lake and hop.';
comment on column dw.job_lease.lease is 'Id of the lake''s lease; a lake that was made anew has another.';
comment on column dw.job_lease.hop is 'load or serve.';
comment on column dw.job_lease.token is 'Fencing token of the job that loaded last; it never falls.';
comment on column dw.job_lease.taken_at is 'When that job first loaded (UTC, the warehouse''s clock).';
