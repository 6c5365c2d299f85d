"""Misbehaviour by rule: answers, cut connections, silence and delays."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Action:
    """What happens to a request a rule picked."""

    status: int | None = None
    """Answer this status instead of doing the work."""
    headers: Mapping[str, str] | None = None
    body: Any = None
    """Text as is, anything else as JSON."""
    drop: str | None = None
    """``before`` or ``after``: close the connection without an answer, before or after doing the work."""
    hang: float | None = None
    """Say nothing for so many seconds, then close the connection; the work is not done."""
    delay: float | None = None
    """Wait before anything else happens."""

    def __post_init__(self) -> None:
        """Refuse an action that would do nothing or cannot be done."""
        if self.drop not in (None, "before", "after"):
            raise ValueError("drop must be 'before' or 'after'")
        if (self.status, self.drop, self.hang, self.delay) == (None,) * 4:
            raise ValueError("an action needs one of: status, drop, hang, delay")
        for name, kinds in (("status", int), ("hang", int | float), ("delay", int | float), ("headers", Mapping)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kinds):
                raise ValueError(f"{name} has the wrong type")

    def body_text(self) -> str:
        """Return the answer's body."""
        if self.body is None or isinstance(self.body, str):
            return self.body or ""
        return json.dumps(self.body)

    def content_type(self) -> str:
        """Return the media type that fits the body."""
        return "text/plain" if self.body is None or isinstance(self.body, str) else "application/json"


@dataclass
class Rule:
    """Which requests an action befalls: all given conditions must hold."""

    id: int
    action: Action
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    """The path begins with this text."""
    times: int | None = 1
    """How many requests it befalls; None for all."""
    skip: int = 0
    """How many matching requests go through before the first one."""

    def matches(self, operation: str, method: str, path: str) -> bool:
        """Tell whether a request meets the conditions."""
        return (
            self.operation in (None, operation)
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or path.startswith(self.path))
        )


class Faults:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._ids = itertools.count(1)

    def add(self, rule: Mapping[str, Any]) -> Rule:
        """Put a rule in force."""
        conditions = {name: value for name, value in rule.items() if name != "action"}
        try:
            action = Action(**rule.get("action", {}))
            added = Rule(id=next(self._ids), action=action, **conditions)
        except TypeError as error:
            raise ValueError(f"not a rule: {error}") from error
        if type(added.skip) is not int or added.skip < 0:
            raise ValueError("skip must be a whole number that is not negative")
        if added.times is not None and (type(added.times) is not int or added.times < 1):
            raise ValueError("times must be a whole number above 0, or null for every time")
        self._rules.append(added)
        return added

    def pick(self, operation: str, method: str, path: str) -> Action | None:
        """Return what befalls this request, and count it."""
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
        return [asdict(rule) for rule in self._rules]

    def clear(self) -> None:
        """Behave again."""
        self._rules.clear()
