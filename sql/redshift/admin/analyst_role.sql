-- Run once by an administrator: people with this role read everything in dw, now and later, and nothing else.
create role analyst;

grant usage on schema dw to role analyst;

grant select for tables in schema dw to role analyst;
