-- Runs only where there is no schema yet: even `if not exists` needs the right to create one, which the job's user lacks.
create schema dw;
