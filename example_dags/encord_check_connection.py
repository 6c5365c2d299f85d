"""Watch the connection, and check a new key before it takes over: fail, and say why, if one of them does not work.

To change a key while tasks run and wait:

1. Make a new key pair, and register its public half in Encord, for the same user.
2. Make a second connection with the new private key, and trigger this DAG with its id as `next_connection`.
3. If that is green, save the new private key in the first connection, and trigger again without `next_connection`.
4. Remove the old public key in Encord, and the second connection in Airflow.

Needs the connection `encord_default`.

Airflow 2.11 and later.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param


@dag(
    description="Check the connection, and a new key before it takes over",
    doc_md=__doc__,
    schedule=None,  # "@daily" to watch it
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["encord", "example"],
    params={
        "connection": Param("encord_default", type="string", description="Airflow connection to Encord"),
        "next_connection": Param(
            None, type=["null", "string"], description="Airflow connection with the new key, if there is one"
        ),
    },
)
def encord_check_connection() -> None:
    # [START howto_hook_encord_test_connection]
    @task
    def check_connection(params: dict[str, Any]) -> str:
        """Ask Encord whether the connection works, and whose it is."""
        from airflow_provider_encord.exceptions import EncordConnectionError
        from airflow_provider_encord.hooks.encord import EncordHook

        good, message = EncordHook(params["connection"]).test_connection()
        if not good:
            raise EncordConnectionError(message)
        print(message)
        return message

    # [END howto_hook_encord_test_connection]

    @task
    def check_next_connection(message: str, params: dict[str, Any]) -> None:
        """Ask Encord whether the new key works, and belongs to the same user."""
        from airflow_provider_encord.exceptions import EncordConnectionError
        from airflow_provider_encord.hooks.encord import EncordHook

        if not params["next_connection"]:
            print("No `next_connection` is given.")
            return
        good, next_message = EncordHook(params["next_connection"]).test_connection()
        if not good:
            raise EncordConnectionError(next_message)
        if next_message != message:
            raise EncordConnectionError(f"The two keys are of different users: {message} {next_message}")
        print(f"{message} Save the new key in {params['connection']!r}, then remove the old one in Encord.")

    check_next_connection(check_connection())


encord_check_connection()
