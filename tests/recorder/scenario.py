"""What a scenario is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from encord import EncordUserClient
from encord.http.constants import RequestsSettings

from tests.recorder import DATA
from tests.recorder.answers import dataset, folder, item
from tests.recorder.ids import DATASET, FOLDER, OTHER_FOLDER
from tests.recorder.network import TRACE, Network
from tests.recorder.wire import Answer, answer, legacy

API = "http://encord.test"
TOKEN = "test-only-bearer-token"
API_KEY = "test-only-dataset-api-key"
_SETTINGS = RequestsSettings(trace_id_provider=lambda: TRACE)


@dataclass(frozen=True)
class Scenario:
    """One row of a table of scenarios. What is left out is kept from the vector that is there already.

    :param run: what the client does; its result is recorded.
    :param operation: the operation, in our words.
    :param call: the call, in prose.
    :param answers: what the client is answered, in this order.
    :param notes: what is worth knowing about it.
    :param auth: ``ssh``, ``bearer`` or ``api_key``.
    :param held: how many seconds the server holds each request.
    :param kept: how many requests the vector keeps; all if left out.
    """

    run: Callable[[Client], Any]
    operation: str = ""
    call: str = ""
    answers: Sequence[Answer] | None = None
    notes: str = ""
    auth: str = ""
    held: Sequence[float] = ()
    kept: int | None = None

    def completed(self, vector: Mapping[str, Any]) -> Scenario:
        """Return this scenario with what it leaves out filled in from its vector."""
        return Scenario(
            self.run,
            self.operation or vector["operation"],
            self.call or vector["call"],
            vector["responses"] if self.answers is None else self.answers,
            self.notes or vector.get("notes", ""),
            self.auth or vector.get("auth", "ssh"),
            self.held,
            self.kept,
        )


def kept(calls: Mapping[str, Callable[[Client], Any]]) -> dict[str, Scenario]:
    """Return scenarios whose vectors hold all but what the client does."""
    return {name: Scenario(run) for name, run in calls.items()}


@dataclass
class Client:
    """What scenarios work with: the official client, objects of it, and files to upload."""

    auth: str
    files: Path
    _network: Network

    @cached_property
    def user(self) -> EncordUserClient:
        if self.auth == "bearer":
            return EncordUserClient.create_with_bearer_token(TOKEN, domain=API, requests_settings=_SETTINGS)
        return self.user_with_key("TEST_ONLY_ed25519")

    def user_with_key(self, file: str, **arguments: Any) -> EncordUserClient:
        key = (DATA / "keys" / file).read_text()
        given: dict[str, Any] = {"domain": API, "requests_settings": _SETTINGS} | arguments
        return EncordUserClient.create_with_ssh_private_key(key, **given)

    @cached_property
    def dataset(self) -> Any:
        with self._network.aside(legacy(dataset())):
            return self.user.get_dataset(DATASET)

    @cached_property
    def folder(self) -> Any:
        with self._network.aside(answer(folder())):
            return self.user.get_storage_folder(FOLDER)

    @cached_property
    def other_folder(self) -> Any:
        with self._network.aside(answer(folder(OTHER_FOLDER))):
            return self.user.get_storage_folder(OTHER_FOLDER)

    def item(self, **fields: Any) -> Any:
        with self._network.aside(answer(made := item(**fields))):
            return self.user.get_storage_item(made["uuid"])

    def file(self, name: str, text: str = "not really media\n") -> str:
        """Return the path of a file of this name."""
        path = self.files / name
        path.write_text(text)
        return str(path)

    def all_files(self, *names: str) -> list[str]:
        """Return the paths of files of these names."""
        return [self.file(name) for name in names]
