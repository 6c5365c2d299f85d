"""Kills and faults at random against a real Airflow and a local Encord, and what is there in the end."""
