"""The user of the key."""

from __future__ import annotations

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.fields import Fields


def get_bearer_token() -> Call[str]:
    """Get a token for the user of the SSH key. It is a secret."""
    return Call(
        operation="get bearer token",
        method="GET",
        path="user/bearer-token",
        read=lambda value: Fields(value, "the answer").text("token"),
        repeatable=True,
        answers_secret=True,
    )
