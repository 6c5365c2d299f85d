"""A local Encord: try the provider, and test DAGs, without an account.

It needs neither Airflow nor anything else of this package.
"""

from airflow_provider_encord.emulator.clock import ManualClock
from airflow_provider_encord.emulator.local import LocalEncord

__all__ = ["LocalEncord", "ManualClock"]
