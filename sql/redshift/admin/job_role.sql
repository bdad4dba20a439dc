-- Run by an administrator (`python -m deploy.infra.deploy --grant`), once or again. The job's user owns the schema, for
-- `comment on` and `create or replace view` in migrations need ownership; it gets no right outside of the schema.
create schema if not exists dw authorization "${job_user}";

alter schema dw owner to "${job_user}";
