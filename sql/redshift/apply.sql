-- After the statements of a migration.
insert into dw.schema_version (version, name, checksum, applied_at)
select
    cast(:version as integer) as version,
    :name as name,
    :checksum as checksum,
    getdate() as applied_at
where not exists (
    select 1 from dw.schema_version
    where version = cast(:version as integer)
);
