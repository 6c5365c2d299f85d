"""Who is calling."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ApiKey:
    """A dataset API key that has been presented."""

    dataset: str
    title: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Caller:
    """Who is calling."""

    user: str
    """The user's first public key, as 64 hex digits."""
    api_key: ApiKey | None = None
    """Set if it was a dataset API key; ``user`` is then the one who owns the dataset."""


def email(user: str) -> str:
    """Return the address by which a user, given by their first public key, is shown."""
    return f"{user[:8]}@local-encord.invalid"
