"""Carries calls over the network: blocking, asynchronous, and many files at once. No Airflow."""

# Here, since a DAG's file reads them and must import nothing heavy.
DEFAULT_MAX_WORKERS = 64
"""Files in flight at once."""
MAX_FILES_PER_JOB = 1000
"""As many images as Encord's pages advise to upload at once; smaller jobs show up sooner."""
