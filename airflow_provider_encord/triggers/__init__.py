"""Triggers that wait for jobs of Encord without a worker."""
