"""Carries calls over the network: blocking, asynchronous, and many files at once. No Airflow."""

DEFAULT_MAX_WORKERS = 64  # files in flight at once; here, since a DAG's file reads it and must import nothing heavy
