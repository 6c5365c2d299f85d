"""Misbehaviour by rule: answers, cut connections, silence and delays."""

import itertools
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from multidict import CIMultiDict

from airflow_provider_encord.emulator import checks

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

_MANY = 2**53


@dataclass(frozen=True)
class Action:
    """What happens to a request a rule picked."""

    status: int | None = None
    """Answer this status instead of doing the work."""
    headers: Mapping[str, str] | None = None
    """Headers of that answer; a ``Content-Type`` among them replaces the one that fits the body."""
    body: Any = None
    """Body of that answer: a string or bytes as they are, anything else as JSON."""
    drop: str | None = None
    """``before`` or ``after``: close the connection without an answer, before or after doing the work."""
    hang: float | None = None
    """Say nothing for so many seconds, then close the connection; the work is not done."""
    delay: float | None = None
    """Wait before anything else happens."""

    def __post_init__(self) -> None:
        """Refuse an action that would do nothing, or something else than it says."""
        ends = [name for name in ("status", "drop", "hang") if getattr(self, name) is not None]
        if not ends and self.delay is None:
            raise ValueError("an action needs one of: status, drop, hang, delay")
        if len(ends) > 1:
            raise ValueError(f"an action has only one of status, drop and hang, not {' and '.join(ends)}")
        if self.status is None and (self.headers is not None or self.body is not None):
            raise ValueError("headers and body are those of an answer: they need a status")
        if self.status is not None:
            checks.whole(self.status, "status", 200, 599)
        if self.headers is not None:
            checks.headers(self.headers, "headers")
        if self.drop not in (None, "before", "after"):
            raise ValueError(f"drop must be 'before' or 'after', not {self.drop!r}")
        for name in ("hang", "delay"):
            if getattr(self, name) is not None:
                checks.number(getattr(self, name), name)
        try:
            self.body_bytes()
        except (TypeError, ValueError) as error:
            raise ValueError(f"body can be sent neither as text nor as JSON: {error}") from error

    @property
    def kind(self) -> str:
        """What the request log calls it."""
        return next(name for name in ("drop", "hang", "status", "delay") if getattr(self, name) is not None)

    def body_bytes(self) -> bytes:
        """Return the answer's body."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def answer_headers(self) -> CIMultiDict[str]:
        """Return the answer's headers, with the content type that fits the body unless another is given."""
        plain = self.body is None or isinstance(self.body, str | bytes)
        given = CIMultiDict(self.headers or {})
        given.setdefault("Content-Type", "text/plain; charset=utf-8" if plain else "application/json; charset=utf-8")
        return given


@dataclass
class Rule:
    """Which requests an action is for: all given conditions must hold."""

    id: int
    action: Action
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    """The path begins with this text."""
    times: int | None = 1
    """How many requests it is for; None for all."""
    skip: int = 0
    """How many matching requests go through before the first one."""

    def __post_init__(self) -> None:
        """Refuse conditions that can't be met."""
        if self.method is not None:
            checks.known([self.method.upper() if isinstance(self.method, str) else self.method], METHODS, "method")
        if self.path is not None and (not isinstance(self.path, str) or not self.path.startswith("/")):
            raise ValueError(f"path must begin with a slash, not {self.path!r}")
        if self.path is not None and self.path.startswith("/_emulator"):
            raise ValueError("faults are for the API and the storage, not the control API")
        checks.whole(self.skip, "skip", 0, _MANY)
        if self.times is not None:
            checks.whole(self.times, "times (null for every time)", 1, _MANY)

    def matches(self, operation: str, method: str, path: str) -> bool:
        """Tell whether a request meets the conditions."""
        return (
            self.operation in (None, operation)
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or path.startswith(self.path))
        )

    def describe(self) -> dict[str, Any]:
        """Return the rule as JSON can hold it."""
        described = asdict(self)
        if isinstance(self.action.body, bytes):
            described["action"]["body"] = self.action.body.decode(errors="replace")
        return described


class Faults:
    """The rules in force, oldest first.

    :param operations: names of operations that a rule can pick
    """

    def __init__(self, operations: Collection[str]) -> None:
        self._operations = operations
        self._rules: list[Rule] = []
        self._ids = itertools.count(1)

    def add(self, given: Mapping[str, Any]) -> Rule:
        """Put a rule in force, given as its fields without ``id``."""
        checks.known(given, {field.name for field in fields(Rule)} - {"id"}, "field of a rule")
        action = given.get("action")
        if not isinstance(action, Mapping):
            raise ValueError("a rule needs an action, an object")
        checks.known(action, {field.name for field in fields(Action)}, "field of an action")
        if given.get("operation") is not None:
            checks.known([given["operation"]], self._operations, "operation")
        rule = Rule(**{**given, "action": Action(**action), "id": next(self._ids)})
        self._rules.append(rule)
        return rule

    def pick(self, operation: str, method: str, path: str) -> Action | None:
        """Return what is to happen to this request, and count it."""
        for rule in self._rules:
            if not rule.matches(operation, method, path):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.times is None:
                return rule.action
            rule.times -= 1
            if rule.times <= 0:
                self._rules.remove(rule)
            return rule.action
        return None

    def describe(self) -> list[dict[str, Any]]:
        """Return the rules still in force."""
        return [rule.describe() for rule in self._rules]

    def clear(self) -> None:
        """Behave again."""
        self._rules.clear()
