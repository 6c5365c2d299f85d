"""The verbs of the hook, each written once as steps, for blocking callers and for event loops."""

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
    """Step: send a call and return its answer."""

    call: Call[T]
    policy: RetryPolicy | None = None


@dataclass(frozen=True)
class AskForList(Generic[T]):
    """Step: send a call that answers with a list, which may be long, and return an iterator over its models."""

    call: Call[tuple[T, ...]]
    read_item: Callable[[Any], T]


@dataclass(frozen=True)
class Wait:
    """Step: wait for a job and return its last verdict."""

    watch: Watch
    patience: Patience
    reports: Mapping[str, Callable[..., None]]


@dataclass(frozen=True)
class Put:
    """Step: upload files to Encord's storage and return one outcome for each."""

    files: Sequence[SourceFile]
    item_type: str
    max_workers: int
    uploaded: Callable[[int, str], None]
    folder_uuid: str | None = None
    assigned: Callable[[int, str, str | None], None] = lambda index, object_key, item_uuid: None


@dataclass(frozen=True)
class Mask:
    """Step: register secrets for masking."""

    secrets: Collection[str]


Step = Ask[Any] | AskForList[Any] | Wait | Put | Mask
Steps = Generator[Step, Any, T]
"""The steps of a verb, and its return value."""


@dataclass(frozen=True)
class Give(Generic[T]):
    """Yield these items to the caller; the verb goes on when the caller wants more."""

    items: Iterable[T]


LazySteps = Generator[Step | Give[T], Any, None]
"""The steps of a verb that yields items one by one."""


def ask(call: Call[T], policy: RetryPolicy | None = None) -> Steps[T]:
    """Send a call."""
    answer: T = yield Ask(call, policy)
    return answer


def ask_for_list(call: Call[tuple[T, ...]], read_item: Callable[[Any], T]) -> Steps[list[T]]:
    """Send a call that answers with a list."""
    items: Iterable[T] = yield AskForList(call, read_item)
    return list(items)


def wait_for(watch: Watch, patience: Patience, **reports: Callable[..., None]) -> Steps[Verdict]:
    """Wait for a job; for ``reports`` see ``airflow_provider_encord._client.wait.wait``."""
    verdict: Verdict = yield Wait(watch, patience, reports)
    return verdict


def ask_for_pages(call_for: Callable[[str | None], Call[Page[T]]]) -> LazySteps[T]:
    """Send one call for each page of a list, when the items of the page before are used up.

    :param call_for: makes the call for a page by its token; None is the first page.
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
    """The settings of the connection."""

    def _perform(self, step: Step) -> Any:
        """Carry out a step while the caller waits."""
        raise NotImplementedError


H = TypeVar("H", bound=Verbs)


def verb(steps: Callable[Concatenate[H, P], Steps[T]]) -> Callable[Concatenate[H, P], T]:
    """Make a blocking method from its steps, which stay in its attribute ``steps``."""

    @wraps(steps)
    def method(self: H, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return carry_out(steps(self, *args, **kwargs), self._perform)

    returned = steps.__annotations__["return"].removeprefix("Steps[").removesuffix("]")
    tell_return(method, steps, returned)
    method.steps = steps  # type: ignore[attr-defined]
    return method


def lazy_verb(steps: Callable[Concatenate[H, P], LazySteps[T]]) -> Callable[Concatenate[H, P], Iterator[T]]:
    """Make a method that yields items from its steps, which stay in its attribute ``lazy_steps``."""

    @wraps(steps)
    def method(self: H, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return each_found(steps(self, *args, **kwargs), self._perform)

    tell_return(method, steps, steps.__annotations__["return"].replace("LazySteps[", "Iterator["))
    method.lazy_steps = steps  # type: ignore[attr-defined]
    return method


def tell_return(method: Any, steps: Any, returned: str) -> None:
    """Give a method the signature of its steps, with its own return type."""
    method.__annotations__ = {**steps.__annotations__, "return": returned}
    method.__signature__ = inspect.signature(steps).replace(return_annotation=returned)


def steps_of(method: Callable[P, T]) -> Callable[P, Steps[T]]:
    """Return the steps of a bound verb, for use in another verb."""
    if steps := getattr(method, "steps", None):
        return partial(steps, method.__self__)  # type: ignore[attr-defined]

    def at_once(*args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        return method(*args, **kwargs)  # a method that replaces the verb, such as a test's
        yield

    return at_once


def all_found(method: Callable[P, Iterator[T]]) -> Callable[P, Steps[list[T]]]:
    """Return the steps that collect all items of a bound lazy verb, for use in another verb."""

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
    """Carry out the steps and return what the verb returns; an error of a step is raised inside of the verb."""
    doing = _Doing(steps)
    while step := doing.next():
        try:
            doing.result = perform(step)
        except Exception as error:
            doing.error = error
    return doing.returned  # type: ignore[no-any-return]


async def carry_out_async(steps: Steps[T], perform: Callable[[Step], Awaitable[Any]]) -> T:
    """Carry out the steps on an event loop, like :func:`carry_out`."""
    doing = _Doing(steps)
    while step := doing.next():
        try:
            doing.result = await perform(step)
        except Exception as error:
            doing.error = error
    return doing.returned  # type: ignore[no-any-return]


def each_found(steps: LazySteps[T], perform: Callable[[Step], Any]) -> Iterator[T]:
    """Carry out the steps one by one, and yield their items."""
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
    """Carry out the steps on an event loop, like :func:`each_found`."""
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
    """Runs a step generator: each step gets the result or error of the last one."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self._steps = steps
        self.result: Any = None
        self.error: Exception | None = None
        self.returned: Any = None

    def next(self) -> Any:
        """Return the next step, or None at the end; an error of the last step is raised inside of the verb."""
        result, error = self.result, self.error
        self.result = self.error = None
        try:
            return self._steps.send(result) if error is None else self._steps.throw(error)
        except StopIteration as end:
            self.returned = end.value
            return None
