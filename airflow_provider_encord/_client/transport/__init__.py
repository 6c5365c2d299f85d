"""Sends calls over the network, blocking or asynchronous, and uploads many files at once. No Airflow."""

# These are here because DAG files import them, which must load nothing heavy.
DEFAULT_MAX_WORKERS = 64
"""Number of files that are uploaded at the same time."""
MAX_FILES_PER_JOB = 1000
"""The number of images that Encord's pages advise to upload at once; smaller jobs show up sooner."""
