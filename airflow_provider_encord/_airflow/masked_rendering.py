"""Keeps credentials out of rendered fields and results, for Airflow, its listeners and callbacks."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import redacted
from airflow_provider_encord.exceptions import EncordError

_ENTRIES = ("execute", "execute_complete")
_UNSTORABLE = re.compile(r"\\u00[01][0-9a-f]|[\x7f-\x9f\ud800-\udfff]")  # in JSON text


class Shown:
    """Stands for a rendered value that holds credentials; Airflow stores and prints its ``str``.

    :param value: the value.
    :param harmless: the value without credentials.
    """

    def __init__(self, value: Any, harmless: Any) -> None:
        self.value = value
        self._text = harmless if isinstance(harmless, str) else _text(harmless)

    def __repr__(self) -> str:
        """Return the value without credentials, as a string or as JSON."""
        return self._text


class ShowsNoCredentials:
    """A mixin of operators: template fields hold credentials only while the operator's own code runs.

    Before and after that, Airflow stores the rendered fields, and listeners (OpenLineage) and callbacks read them. The
    value that ``execute`` returns, which becomes an XCom, holds no credentials either.
    """

    template_fields: Collection[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _ENTRIES:
            if name in cls.__dict__:
                setattr(cls, name, _entry(cls.__dict__[name]))

    def _do_render_template_fields(self, parent: Any, *args: Any, **kwargs: Any) -> None:
        # The only method of rendering that Airflow calls for mapped tasks too.
        super()._do_render_template_fields(parent, *args, **kwargs)  # type: ignore[misc]
        if parent is self:
            for name in self.template_fields:
                self._hide(name)

    def tell(self, error: EncordError) -> None:
        """Log an error before Airflow logs its traceback."""

    @contextlib.contextmanager
    def _real_values(self) -> Iterator[None]:
        hidden = {name: shown for name in self.template_fields if isinstance(shown := getattr(self, name), Shown)}
        real = {name: hidden[name].value if name in hidden else getattr(self, name) for name in self.template_fields}
        for name in hidden:
            setattr(self, name, real[name])
        try:
            yield
        finally:
            for name in self.template_fields:
                if getattr(self, name) is not real[name]:
                    self._hide(name)
                elif name in hidden:
                    setattr(self, name, hidden[name])

    def _hide(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, Shown):
            return
        harmless = redacted(value)
        if _UNSTORABLE.search(_text(harmless)):
            harmless = storable(harmless)
        if harmless is not value:
            setattr(self, name, Shown(value, harmless))


def _entry(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(self: ShowsNoCredentials, *args: Any, **kwargs: Any) -> Any:
        with self._real_values():
            try:
                return storable(redacted(method(self, *args, **kwargs)))
            except EncordError as error:
                self.tell(error)
                raise

    return run


def _text(harmless: Any) -> str:
    try:
        return json.dumps(harmless, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # such as keys that JSON does not allow
        return str(harmless)
