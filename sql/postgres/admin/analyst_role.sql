-- Run once by an administrator: people with this role read everything in dw, and nothing else.
create role analyst;

grant usage on schema dw to analyst;

grant select on all tables in schema dw to analyst;

alter default privileges in schema dw grant select on tables to analyst;
