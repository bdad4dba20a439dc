-- Loads any gold table: rows replace those of the same key, and rows marked as deleted are removed.
create temporary table ${stage} (
    ${types},
    deleted boolean
);

copy ${stage}
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.${target}
using ${stage}
where
    ${same_key};

insert into dw.${target} (
    ${columns}
)
select
    ${columns}
from ${stage}
where not deleted;
