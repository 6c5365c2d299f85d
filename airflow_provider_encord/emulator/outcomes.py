"""Outcomes of jobs and tasks that were ordered through the control API."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from airflow_provider_encord.emulator import checks

_MANY = 2**53

FINAL = ("DONE", "ERROR", "CANCELLED")


@dataclass(frozen=True)
class Outcome:
    """How a job or a task is to end."""

    status: str | None = None
    fail_units: frozenset[int | str] = frozenset()
    error: str = "the local Encord was told to fail this"
    done_units: int = 0
    """How many units are added before the job is held, or cancelled."""

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Outcome":
        """Read an order and refuse one that makes no sense."""
        checks.known(values, {field.name for field in fields(cls)}, "field of an outcome")
        status, fail_units, error = values.get("status"), values.get("fail_units", ()), values.get("error", cls.error)
        if not isinstance(status, str | None) or status == "" or not isinstance(error, str):
            raise ValueError("status and error of an outcome must be strings")
        if not isinstance(fail_units, list | tuple) or not all(type(unit) in (int, str) for unit in fail_units):
            raise ValueError("fail_units must be a list of numbers of units or URLs")
        done_units = values.get("done_units", 0)
        checks.whole(done_units, "done_units", 0, _MANY)
        return cls(status, frozenset(fail_units), error, done_units)

    @property
    def held(self) -> bool:
        """Whether the job is to stay in this state until told otherwise."""
        return self.status is not None and self.status not in FINAL

    def fails(self, number: int, urls: Collection[str]) -> bool:
        """Tell whether a unit, given by its number and URLs, is to fail."""
        return number in self.fail_units or not self.fail_units.isdisjoint(urls)

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps({**asdict(self), "fail_units": list(self.fail_units)})

    @classmethod
    def load(cls, text: str) -> "Outcome":
        """Read what :meth:`dump` has written."""
        return cls.parse(json.loads(text))
