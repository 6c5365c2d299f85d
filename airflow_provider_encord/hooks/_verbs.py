"""Verbs of the hook, each written once: as steps, which a blocking caller and an event loop carry out alike."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.jobs import Verdict, Watch
from airflow_provider_encord._client.pages import Page
from airflow_provider_encord._client.retry import RetryPolicy
from airflow_provider_encord._client.wait import Patience
from airflow_provider_encord._compat import BaseHook
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
    """Send a call that is answered with a list, which may be long; gives the models of its items, to be read once."""

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
    folder_uuid: str | None = None
    assigned: Callable[[int, str, str | None], None] = lambda index, object_key, item_uuid: None


@dataclass(frozen=True)
class Mask:
    """Register secrets for masking."""

    secrets: Collection[str]


Step = Ask[Any] | AskForList[Any] | Wait | Put | Mask
Steps = Generator[Step, Any, T]
"""What a verb does, and what it returns in the end."""


@dataclass(frozen=True)
class Give(Generic[T]):
    """Hand these to whoever iterates over what a verb finds; it goes on when more is wanted."""

    items: Iterable[T]


LazySteps = Generator[Step | Give[T], Any, None]
"""What a verb does that finds things one after the other."""


def ask(call: Call[T], policy: RetryPolicy | None = None) -> Steps[T]:
    """Send a call."""
    answer: T = yield Ask(call, policy)
    return answer


def ask_for_list(call: Call[tuple[T, ...]], read_item: Callable[[Any], T]) -> Steps[list[T]]:
    """Send a call that is answered with a list."""
    items: Iterable[T] = yield AskForList(call, read_item)
    return list(items)


def wait_for(watch: Watch, patience: Patience, **reports: Callable[..., None]) -> Steps[Verdict]:
    """Wait for a job; ``reports`` are those of :func:`airflow_provider_encord._client.wait.wait`."""
    verdict: Verdict = yield Wait(watch, patience, reports)
    return verdict


def ask_for_pages(call_for: Callable[[str | None], Call[Page[T]]]) -> LazySteps[T]:
    """Send one call for each page of a list, when what the page before held is used up.

    :param call_for: makes the call for the page of a token; None is the first page.
    """
    token = None
    while True:
        page = yield from ask(call_for(token))
        yield Give(page.results)
        token = page.next_page_token
        if token is None:
            return


class Verbs(BaseHook):
    """A part of the hook: verbs that belong together."""

    settings: Any
    """What the connection says."""

    def _perform(self, step: Step) -> Any:
        """Carry out a step while the caller waits."""
        raise NotImplementedError


H = TypeVar("H", bound=Verbs)


def verb(steps: Callable[Concatenate[H, P], Steps[T]]) -> Callable[Concatenate[H, P], T]:
    """Make a blocking method of the steps that it takes; they stay its attribute ``steps``."""

    @wraps(steps)
    def method(self: H, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return carry_out(steps(self, *args, **kwargs), self._perform)

    returned = steps.__annotations__["return"].removeprefix("Steps[").removesuffix("]")
    tell_return(method, steps, returned)
    method.steps = steps  # type: ignore[attr-defined]
    return method


def lazy_verb(steps: Callable[Concatenate[H, P], LazySteps[T]]) -> Callable[Concatenate[H, P], Iterator[T]]:
    """Make a method that yields what the steps find; they stay its attribute ``lazy_steps``."""

    @wraps(steps)
    def method(self: H, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return each_found(steps(self, *args, **kwargs), self._perform)

    tell_return(method, steps, steps.__annotations__["return"].replace("LazySteps[", "Iterator["))
    method.lazy_steps = steps  # type: ignore[attr-defined]
    return method


def tell_return(method: Any, steps: Any, returned: str) -> None:
    """Give a method the signature of its steps, but for what it returns."""
    method.__annotations__ = {**steps.__annotations__, "return": returned}
    method.__signature__ = inspect.signature(steps).replace(return_annotation=returned)


def steps_of(method: Callable[P, T]) -> Callable[P, Steps[T]]:
    """Return what a bound verb does, to do it within another one."""
    if steps := getattr(method, "steps", None):
        return partial(steps, method.__self__)  # type: ignore[attr-defined]

    def at_once(*args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        return method(*args, **kwargs)  # somebody's own method in place of the verb
        yield

    return at_once


def all_found(method: Callable[P, Iterator[T]]) -> Callable[P, Steps[list[T]]]:
    """Return what finds all that a bound lazy verb finds, to do it within another verb."""

    def find_all(*args: P.args, **kwargs: P.kwargs) -> Steps[list[T]]:
        found: list[T] = []
        doing = _Doing(method.lazy_steps(method.__self__, *args, **kwargs))  # type: ignore[attr-defined]
        while step := doing.next():
            if isinstance(step, Give):
                found += step.items
                continue
            try:
                doing.result = yield step
            except Exception as error:
                doing.error = error
        return found

    return find_all


def carry_out(steps: Steps[T], perform: Callable[[Step], Any]) -> T:
    """Do each step and return what the verb returns; what a step raises is raised within the verb."""
    doing = _Doing(steps)
    while step := doing.next():
        try:
            doing.result = perform(step)
        except Exception as error:
            doing.error = error
    return doing.returned  # type: ignore[no-any-return]


async def carry_out_async(steps: Steps[T], perform: Callable[[Step], Awaitable[Any]]) -> T:
    """Do each step on an event loop, as :func:`carry_out` does."""
    doing = _Doing(steps)
    while step := doing.next():
        try:
            doing.result = await perform(step)
        except Exception as error:
            doing.error = error
    return doing.returned  # type: ignore[no-any-return]


def each_found(steps: LazySteps[T], perform: Callable[[Step], Any]) -> Iterator[T]:
    """Do each step when what the ones before found is used up, and yield it."""
    doing = _Doing(steps)
    while step := doing.next():
        if isinstance(step, Give):
            yield from step.items
            continue
        try:
            doing.result = perform(step)
        except Exception as error:
            doing.error = error


async def each_found_async(steps: LazySteps[T], perform: Callable[[Step], Awaitable[Any]]) -> AsyncIterator[T]:
    """Do each step on an event loop, as :func:`each_found` does."""
    doing = _Doing(steps)
    while step := doing.next():
        if isinstance(step, Give):
            for item in step.items:
                yield item
            continue
        try:
            doing.result = await perform(step)
        except Exception as error:
            doing.error = error


class _Doing:
    """Steps on their way: each next one is asked for with what the last one gave or raised."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self._steps = steps
        self.result: Any = None
        self.error: Exception | None = None
        self.returned: Any = None

    def next(self) -> Any:
        """Return the next step, None at the end; what the last step raised is raised within the verb."""
        result, error = self.result, self.error
        self.result = self.error = None
        try:
            return self._steps.send(result) if error is None else self._steps.throw(error)
        except StopIteration as end:
            self.returned = end.value
            return None
