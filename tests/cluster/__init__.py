"""A whole Airflow with Celery, many waits at once, and one part after the other killed or gone for a while."""
