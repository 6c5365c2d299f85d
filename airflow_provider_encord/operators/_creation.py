"""How one thing is created that others may create under the same name at the same time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import EncordAlreadyExistsError

IF_EXISTS = ("fail", "skip", "create")
SETTLING_SECONDS = 2.0
"""How long to wait for things that others create with the same name at the same time, before the oldest is chosen.

Encord reports the time of creation in whole seconds. All tasks must see all things of one second to choose the same.
"""


@dataclass(frozen=True)
class Made:
    """One thing that exists.

    :param id: its hash or UUID.
    :param created_at: when it was created, as far as Encord tells.
    :param answer: what Encord tells of it.
    """

    id: str
    created_at: datetime | None
    answer: Any


class Creation(ABC):
    """One thing that a task creates; Encord lets several have the same name.

    :param task: the operator, with ``if_exists`` and ``durable``.
    :param context: of the attempt.
    :param name: what it is to be called.
    """

    kind: ClassVar[str]
    """What it is, such as ``dataset``."""
    name_kind: ClassVar[str]
    """What Encord calls its name, such as ``title``."""
    id_kind: ClassVar[str]
    """What Encord calls its id, such as ``dataset_hash``."""

    def __init__(self, task: Any, context: Context, name: str) -> None:
        self.task = task
        self.name = name
        self._memory = Memory(context, durable=task.durable, identity=self.identity())

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Return the arguments that define it; an attempt with other arguments does not use what this one created."""

    @abstractmethod
    def same_name(self) -> list[Made]:
        """Find all that have the name."""

    @abstractmethod
    def make(self) -> Made:
        """Create one more."""

    def run(self) -> tuple[Made, bool]:
        """Return the one that counts, and whether this task created it."""
        if_exists = self.task.if_exists
        there = [] if if_exists == "create" and not self._memory.lasts else self.same_name()
        own = self._made_before(there)
        # With `skip`, the oldest counts, even if an earlier attempt died after it had created another one.
        found = self._oldest(there) if if_exists == "skip" else own
        if found is not None:
            return self._take(found, created=found is own)
        if if_exists == "fail" and (taken := self._oldest(there)):
            raise EncordAlreadyExistsError(
                f"{self.kind.capitalize()} {taken.id} already has the {self.name_kind} {self.name!r}. "
                "Use if_exists='skip' to use it or if_exists='create' to create another one.",
                dataset_hash=taken.id if self.id_kind == "dataset_hash" else None,
            )
        return self._make([each.id for each in there])

    def _make(self, before: list[str]) -> tuple[Made, bool]:
        """Create one, or use that of somebody who was faster."""
        self._remember(before, None)
        try:
            new = self.make()
        except EncordAlreadyExistsError:
            # Somebody else was faster, or an earlier attempt whose answer was lost.
            found = self._oldest(self.same_name()) if self.task.if_exists == "skip" else None
            if found is None:
                raise
            return self._take(found, created=False)
        self.task.log.info("Created %s %s with the %s %r.", self.kind, new.id, self.name_kind, self.name)
        self._remember(before, new.id)
        if self.task.if_exists == "skip":
            time.sleep(min(SETTLING_SECONDS, self.task.hook.settings.longest_pause))
            oldest = self._oldest(self.same_name())
            if oldest is not None and oldest.id != new.id:
                self._remember(before, oldest.id)
                text = "Somebody created a %s of this %s at the same time; %s stays unused."
                self.task.log.warning(text, self.kind, self.name_kind, new.id)
                return self._take(oldest, created=False)
        return new, True

    def _take(self, found: Made, *, created: bool) -> tuple[Made, bool]:
        origin = "was created by an earlier attempt" if created else "exists already"
        self.task.log.info("The %s %s %r %s; using it.", self.kind, found.id, self.name, origin)
        return found, created

    def _remember(self, before: list[str], made: str | None) -> None:
        self._memory.remember_made(self.kind, {"before": before, self.id_kind: made})

    def _made_before(self, there: list[Made]) -> Made | None:
        """Return the one that an earlier attempt created, or that is new since it tried to."""
        if (remembered := self._memory.recall_made(self.kind)) is None:
            return None
        if made := remembered[self.id_kind]:
            return next((each for each in there if each.id == made), None)
        return _oldest([each for each in there if each.id not in remembered["before"]])

    def _oldest(self, found: list[Made]) -> Made | None:
        if len(found) > 1:
            text = "%d %ss have the %s %r; the oldest one counts."
            self.task.log.warning(text, len(found), self.kind, self.name_kind, self.name)
        return _oldest(found)


def _oldest(found: Sequence[Made]) -> Made | None:
    return min(found, key=lambda each: (str(each.created_at), each.id), default=None)
