-- The ledger makes loads idempotent: a load writes its row in its own transaction, and a load whose row is there
-- already is skipped.
create table if not exists dw.load_ledger (
    query varchar(128) not null,
    batch_id bigint not null,
    rows bigint not null,
    first_arrival timestamp,
    last_arrival timestamp,
    started_at timestamp not null,
    committed_at timestamp not null,
    primary key (query, batch_id)
)
diststyle all
compound sortkey (committed_at);

comment on table dw.schema_version is 'Migrations that have been applied.';
comment on column dw.schema_version.version is 'Number that the file name begins with.';
comment on column dw.schema_version.name is 'File name without number and ending.';
comment on column dw.schema_version.checksum is 'SHA-256 of the file as it was applied.';
comment on column dw.schema_version.applied_at is 'When it was applied (UTC).';

comment on table dw.load_ledger is 'One row per committed load. Grain: query and batch.';
comment on column dw.load_ledger.query is 'Id of the streaming query, or serve/ and the name of the gold table.';
comment on column dw.load_ledger.batch_id is 'Micro-batch of the query, or version of the gold table.';
comment on column dw.load_ledger.rows is 'Rows that the load brought, before duplicates were left out.';
comment on column dw.load_ledger.first_arrival is 'Earliest arrival in the stream among its rows (UTC).';
comment on column dw.load_ledger.last_arrival is 'Latest arrival in the stream among its rows (UTC).';
comment on column dw.load_ledger.started_at is 'When the load began (UTC, the job''s clock).';
comment on column dw.load_ledger.committed_at is 'Just before the commit (UTC, the warehouse''s clock).';
