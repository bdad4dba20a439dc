"""The workflows on Airflow, and the checks that they run."""
