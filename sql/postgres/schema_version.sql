-- Runs before every migration: what has been applied, and from which text.
create schema if not exists dw;

create table if not exists dw.schema_version (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
);
