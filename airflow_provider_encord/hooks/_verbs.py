"""Verbs of the hook, each written once: as steps, which a blocking caller and an event loop carry out alike."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.jobs import Verdict, Watch
from airflow_provider_encord._client.retry import RetryPolicy
from airflow_provider_encord._client.wait import Patience
from airflow_provider_encord._storage.files import SourceFile

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Ask(Generic[T]):
    """Send a call; gives its answer."""

    call: Call[T]
    policy: RetryPolicy | None = None


@dataclass(frozen=True)
class AskForList(Generic[T]):
    """Send a call that is answered with a list, which may be long; gives the models of its items."""

    call: Call[tuple[T, ...]]
    read_item: Callable[[Any], T]


@dataclass(frozen=True)
class Wait:
    """Wait for a job; gives how it ended."""

    watch: Watch
    patience: Patience
    reports: Mapping[str, Callable[..., None]]


@dataclass(frozen=True)
class Put:
    """Put files into Encord's storage; gives the outcome of each."""

    files: Sequence[SourceFile]
    item_type: str
    max_workers: int
    uploaded: Callable[[int, str], None]


@dataclass(frozen=True)
class Mask:
    """Register secrets for masking."""

    secrets: Collection[str]


Step = Ask[Any] | AskForList[Any] | Wait | Put | Mask
Steps = Generator[Step, Any, T]
"""What a verb does, and what it returns in the end."""


def ask(call: Call[T], policy: RetryPolicy | None = None) -> Steps[T]:
    """Send a call."""
    answer: T = yield Ask(call, policy)
    return answer


def ask_for_list(call: Call[tuple[T, ...]], read_item: Callable[[Any], T]) -> Steps[list[T]]:
    """Send a call that is answered with a list."""
    items: list[T] = yield AskForList(call, read_item)
    return items


def wait_for(watch: Watch, patience: Patience, **reports: Callable[..., None]) -> Steps[Verdict]:
    """Wait for a job; ``reports`` are those of :func:`airflow_provider_encord._client.wait.wait`."""
    verdict: Verdict = yield Wait(watch, patience, reports)
    return verdict


class Performer(Protocol):
    """What can carry out steps while its caller waits."""

    def _perform(self, step: Step) -> Any: ...


H = TypeVar("H", bound=Performer)


def verb(steps: Callable[Concatenate[H, P], Steps[T]]) -> Callable[Concatenate[H, P], T]:
    """Make a blocking method of the steps that it takes; they stay its attribute ``steps``."""

    @wraps(steps)
    def method(self: H, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return carry_out(steps(self, *args, **kwargs), self._perform)

    returned = steps.__annotations__["return"].removeprefix("Steps[").removesuffix("]")
    method.__annotations__ = {**steps.__annotations__, "return": returned}
    method.__signature__ = inspect.signature(steps).replace(return_annotation=returned)  # type: ignore[attr-defined]
    method.steps = steps  # type: ignore[attr-defined]
    return method


def steps_of(method: Callable[P, T]) -> Callable[P, Steps[T]]:
    """Return what a bound verb does, to do it within another one."""
    if steps := getattr(method, "steps", None):
        return partial(steps, method.__self__)  # type: ignore[attr-defined]

    def at_once(*args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        return method(*args, **kwargs)  # somebody's own method in place of the verb
        yield

    return at_once


def carry_out(steps: Steps[T], perform: Callable[[Step], Any]) -> T:
    """Do each step and return what the verb returns; what a step raises is raised within the verb."""
    resume: Callable[[], Step] = partial(next, steps)
    while True:
        try:
            step = resume()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        try:
            resume = partial(steps.send, perform(step))
        except Exception as error:
            resume = partial(steps.throw, error)


async def carry_out_async(steps: Steps[T], perform: Callable[[Step], Awaitable[Any]]) -> T:
    """Do each step on an event loop, as :func:`carry_out` does."""
    resume: Callable[[], Step] = partial(next, steps)
    while True:
        try:
            step = resume()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        try:
            resume = partial(steps.send, await perform(step))
        except Exception as error:
            resume = partial(steps.throw, error)
