"""Triggers that wait for jobs and rows in Encord without a worker."""
