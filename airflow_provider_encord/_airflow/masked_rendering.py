"""What Airflow stores and shows of a task's rendered arguments: no query of a signed URL."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_encord._client.redaction import without_credentials
from airflow_provider_encord._compat import Context


class Shown:
    """Stands for a rendered value whose text holds credentials; Airflow stores and prints it as its ``str``.

    :param value: the value.
    :param harmless: the same without credentials.
    """

    def __init__(self, value: Any, harmless: Any) -> None:
        self.value = value
        self._text = harmless if isinstance(harmless, str) else json.dumps(harmless, default=str)

    def __repr__(self) -> str:
        """Return the value without credentials, as text or JSON text."""
        return self._text


class ShowsNoCredentials:
    """Of an operator: hides credentials in template fields from their rendering until the task runs.

    In between, Airflow stores the rendered fields. Whoever renders a task by hand and executes it must call
    ``pre_execute`` in between, as Airflow does.
    """

    template_fields: Collection[str]

    def _do_render_template_fields(self, parent: Any, *args: Any, **kwargs: Any) -> None:
        # Of all that renders, only this is called for mapped tasks, too.
        super()._do_render_template_fields(parent, *args, **kwargs)  # type: ignore[misc]
        if parent is self:
            for name in self.template_fields:
                value = getattr(self, name)
                harmless = _harmless(value)
                if harmless != value:
                    setattr(self, name, Shown(value, harmless))

    def pre_execute(self, context: Context) -> None:
        """Take the real values, right before the task runs or resumes."""
        for name in self.template_fields:
            if isinstance(value := getattr(self, name), Shown):
                setattr(self, name, value.value)
        super().pre_execute(context)  # type: ignore[misc]


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, Mapping):
        return {name: _harmless(each) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_harmless, value))
    if isinstance(value, os.PathLike):
        harmless = without_credentials(str(value))
        return value if harmless == str(value) else harmless
    return value
