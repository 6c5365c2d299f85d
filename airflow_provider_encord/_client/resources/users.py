"""The user of the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.fields import Fields, Model


@dataclass(frozen=True)
class CurrentUser(Model):
    """Whom a key or token belongs to."""

    user_email: str
    user_hash: str | None


def get_current_user() -> Call[CurrentUser]:
    """Tell who the caller is; servers that do not offer it answer 404."""

    def read(value: Any) -> CurrentUser:
        fields = Fields(value, "the user")
        return CurrentUser(fields.text("user_email"), fields.optional_text("user_hash"))

    return Call(operation="get current user", method="GET", path="user/current", read=read, repeatable=True)


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
