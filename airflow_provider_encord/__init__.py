"""Apache Airflow provider for Encord."""

__version__ = "0.1.0"
