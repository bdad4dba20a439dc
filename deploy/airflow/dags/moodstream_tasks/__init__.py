"""What the tasks of both DAGs do, free of Airflow: settings, runners and decisions, tested by themselves."""
