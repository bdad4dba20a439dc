-- The user that Redshift makes of the job's IAM role on its first request; made before it, so that it can be given rights.
create user "${job_user}" password disable;
