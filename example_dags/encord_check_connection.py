"""Watch the connection: fail, and say why, if the key, its permissions or the network do not work."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task


@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, tags=["encord", "example"])
def encord_check_connection() -> None:
    """Wire the tasks."""

    # [START howto_hook_encord_test_connection]
    @task
    def check_connection() -> str:
        """Ask Encord whether the connection works."""
        from airflow_provider_encord.exceptions import EncordConnectionError
        from airflow_provider_encord.hooks.encord import EncordHook

        good, message = EncordHook("encord_default").test_connection()
        if not good:
            raise EncordConnectionError(message)
        return message

    # [END howto_hook_encord_test_connection]

    check_connection()


encord_check_connection()
