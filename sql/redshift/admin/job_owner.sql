-- For a table or view that an administrator made before the job's user owned the schema.
alter table dw."${name}" owner to "${job_user}";
