-- Loads any gold table: rows replace those of the same key, and rows marked as deleted are removed.
create temporary table if not exists ${stage} (
    ${types},
    deleted boolean
) on commit delete rows;

copy ${stage} (
    ${columns}, deleted
) from stdin (format csv);

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
