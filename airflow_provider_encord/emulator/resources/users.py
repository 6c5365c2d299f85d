"""The users, and the SSH keys that they sign with."""

import hashlib
import hmac
import re
from collections.abc import Iterable

from airflow_provider_encord.emulator import rest
from airflow_provider_encord.emulator.caller import email
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store

_PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")


class Users:
    """Who may sign. A user has one key or several, and is named after the first.

    Keys are public keys as 64 hex digits. Those added and revoked while it runs are kept in the store, so a key that
    was revoked stays so after a restart.

    :param keys: keys that are let in from the start, each a user
    """

    def __init__(self, store: Store, keys: Iterable[str] = (), settings: Settings | None = None) -> None:
        self._store = store
        self._settings = settings or Settings()
        self._initial = frozenset(map(_checked, keys))

    @rest.answers("get_bearer_token", "GET", "user/bearer-token")
    def answer_token(self, call: rest.Call) -> dict[str, str]:
        """Hand out the user's bearer token."""
        return {"token": self.token(call.caller.user)}

    @rest.answers("get_current_user", "GET", "user/current")
    def answer_current(self, call: rest.Call) -> dict[str, str]:
        """Tell who is calling, unless it is an Encord that does not know this request."""
        if not self._settings.current_user:
            raise Refusal(Reason.NOT_FOUND, "Not Found")
        return {"userEmail": email(call.caller.user), "userHash": call.caller.user[:8]}

    def add_key(self, key: str, same_user_as: str | None = None) -> str:
        """Let a key in and return its user.

        :param same_user_as: a key of the user to whom it belongs, valid or revoked; without it the key is a user of
            its own, or the user it was before it was revoked
        """
        known = self._find(_checked(key))
        user = key if known is None else known[0]
        if same_user_as is not None:
            user = self._require(same_user_as)
        self._keep(key, user, revoked=False)
        return user

    def revoke_key(self, key: str) -> str:
        """Let a key in no longer, and return its user."""
        user = self._require(key)
        self._keep(key, user, revoked=True)
        return user

    def by_key(self, key: str) -> str | None:
        """Return the user to whom a key belongs, unless it is unknown or revoked."""
        user, revoked = self._find(key) or (None, False)
        return None if revoked else user

    def token(self, user: str) -> str:
        """Return the user's bearer token, always the same one."""
        return hmac.new(self._store.secret, b"bearer:" + user.encode(), hashlib.sha256).hexdigest()

    def by_token(self, token: str) -> str | None:
        """Return the user to whom a bearer token belongs, as long as one of their keys is valid."""
        users = set(self.keys().values())
        return next((user for user in users if hmac.compare_digest(self.token(user).encode(), token.encode())), None)

    def keys(self) -> dict[str, str]:
        """Return the valid keys, each with its user."""
        keys = self._initial | {row["key"] for row in self._store.all("SELECT key FROM keys")}
        return {key: user for key in sorted(keys) if (user := self.by_key(key))}

    def _find(self, key: str) -> tuple[str, bool] | None:
        row = self._store.one("SELECT user, revoked FROM keys WHERE key = ?", (key,))
        if row is not None:
            return row["user"], bool(row["revoked"])
        return (key, False) if key in self._initial else None

    def _require(self, key: str) -> str:
        found = self._find(_checked(key))
        if found is None:
            raise LookupError(f"there is no key {key}")
        return found[0]

    def _keep(self, key: str, user: str, *, revoked: bool) -> None:
        with self._store.transaction():
            self._store.run("INSERT OR REPLACE INTO keys VALUES (?, ?, ?)", (key, user, revoked))


def _checked(key: object) -> str:
    if not isinstance(key, str) or not _PUBLIC_KEY.fullmatch(key):
        raise ValueError("a key is given as its public key, in 64 hex digits of lower case")
    return key
