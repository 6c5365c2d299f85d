"""Carries calls over the network: blocking, asynchronous, and many files at once. No Airflow."""
