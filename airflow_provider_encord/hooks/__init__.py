"""The Airflow connection to Encord."""
