"""The work of both DAGs' tasks, without Airflow: settings, steps, runners and decisions."""
