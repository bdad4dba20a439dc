select
    version,
    checksum
from dw.schema_version;
