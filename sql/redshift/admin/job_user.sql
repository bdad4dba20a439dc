-- Creates the user that Redshift would create for the job's IAM role on its first request, so that
-- an administrator can grant rights before that request.
create user "${job_user}" password disable;
