"""Encord's API as values: no Airflow, no network, no clock, no sleeping."""
