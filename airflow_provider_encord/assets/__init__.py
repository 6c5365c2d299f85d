"""Assets: the datasets, folders, projects and stages of Encord, as ``encord://`` URIs (datasets, in Airflow 2)."""

from airflow_provider_encord.assets.encord import create_asset, triggering_extras

__all__ = ["create_asset", "triggering_extras"]
