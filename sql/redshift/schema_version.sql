-- Runs before every migration: what has been applied, and from which text.
create table if not exists dw.schema_version (
    version integer not null,
    name varchar(128) not null,
    checksum varchar(64) not null,
    applied_at timestamp not null,
    primary key (version)
)
diststyle all;
