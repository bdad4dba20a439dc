select nspname
from pg_namespace
where nspname = 'dw';
