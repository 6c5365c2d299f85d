"""Sensors that wait for jobs of Encord."""
