"""Sensors that wait for jobs and rows in Encord."""
