"""What outlives an attempt of a task: what Airflow keeps, and what Encord itself can tell."""
