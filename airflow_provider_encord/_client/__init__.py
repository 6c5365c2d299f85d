"""Encord's protocol, without Airflow."""
