"""The connection form as Airflow 2 serves it: what its pages and its API hold, and what a save keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from importlib import import_module
from typing import Any

import pytest

from airflow_provider_encord._airflow.connection_form import STORED_SECRET
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.provider_info import CONNECTION_FIELDS
from vectors import KEY

pytest.importorskip("airflow.www.app", reason="only Airflow 2 serves the form as HTML")

SECRETS = {
    "ssh_private_key": KEY.strip(),
    "passphrase": "tell-nobody-passphrase",
    "token": "tell-nobody-token",
    "api_key": "tell-nobody-api-key",
}
STORED = {**SECRETS, "ssh_key_file": "~/.ssh/encord", "dataset_hash": "d5", "connect_timeout": 5, "read_timeout": 6}
MARKERS = ["tell-nobody", *KEY.splitlines()[1:-1]]


class Page(HTMLParser):
    """The form fields of a page, as a browser would send them, and which of them must be filled in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.required: set[str] = set()
        self._area: str | None = None
        self._choices: str | None = None
        self.feed(html[html.index('id="model_form"') :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "input" and name:
            self.values[name] = given.get("value") or ""
        elif tag == "textarea":
            self._area, self.values[name] = name, ""
        elif tag == "select":
            self._choices = name
        elif tag == "option" and self._choices and "selected" in given:
            self.values[self._choices] = given.get("value") or ""
        if "required" in given:
            self.required.add(name)

    def handle_endtag(self, tag: str) -> None:
        self._area = None if tag == "textarea" else self._area
        self._choices = None if tag == "select" else self._choices

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.values[self._area] += data.removeprefix("\r\n")


class Browser:
    """An admin's browser. Nothing that is sent to it may hold a secret."""

    def __init__(self, app: Any) -> None:
        self.client = app.test_client()
        page = self.get("/login/")
        csrf = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
        assert csrf
        credentials = {"username": "admin", "password": "admin", "csrf_token": csrf[1]}
        assert self.client.post("/login/", data=credentials).status_code == 302

    def seen(self, answer: Any) -> str:
        text: str = answer.get_data(as_text=True)
        for form in (text, unescape(text)):
            assert not [marker for marker in MARKERS if marker in form]
        return text

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        return self.seen(answer)

    def open(self, path: str) -> Page:
        return Page(self.get(path))

    def save(self, path: str, page: Page, **changes: Any) -> Page | None:
        """Send the form as it is on the page, with some fields changed; return the page that refuses it."""
        answer = self.client.post(path, data=page.values | {ours(name): str(each) for name, each in changes.items()})
        text = self.seen(answer)
        assert answer.status_code in (200, 302), text
        return None if answer.status_code == 302 else Page(text)


def ours(name: str) -> str:
    return f"extra__encord__{name}" if name in CONNECTION_FIELDS else name


@pytest.fixture(scope="module")
def app() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
        patch.setenv("AIRFLOW__API__AUTH_BACKENDS", "airflow.api.auth.backend.session")
        patch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
        from airflow.models.base import Base
        from airflow.settings import engine
        from airflow.utils.db import import_all_models
        from airflow.www.app import create_app

        import_all_models()
        import_module("airflow.providers.fab.auth_manager.models")
        Base.metadata.create_all(engine)
        app = create_app(testing=True)
        with app.app_context():
            security = app.appbuilder.sm
            security.sync_roles()
            security.add_user("admin", "A", "D", "a@example.com", security.find_role("Admin"), password="admin")
        yield app


@pytest.fixture(scope="module")
def browser(app: Any) -> Browser:
    """Logged in once: Airflow takes only some logins a minute."""
    return Browser(app)


@pytest.fixture
def stored(app: Any) -> Iterator[Any]:
    """Store connections, return what is stored of one, and forget them all afterwards."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    class Stored:
        def put(self, conn_id: str = "kept", **extra: Any) -> str:
            with create_session() as session:
                session.add(Connection(conn_id, "encord", host="eu", extra=json.dumps(extra)))
                session.flush()
                pk = session.query(Connection.id).filter(Connection.conn_id == conn_id).scalar()
            return f"/connection/edit/{pk}"

        def extra(self, conn_id: str = "kept") -> dict[str, Any]:
            with create_session() as session:
                row = session.query(Connection).filter(Connection.conn_id == conn_id).one()
                return {name: value for name, value in json.loads(row.extra).items() if value is not None}

        def description(self) -> Any:
            with create_session() as session:
                return session.query(Connection.description).filter(Connection.conn_id == "kept").scalar()

    yield Stored()
    with create_session() as session:
        session.query(Connection).delete()


def test_the_placeholder_is_the_one_that_airflow_restores() -> None:
    from airflow.www.views import SENSITIVE_FIELD_PLACEHOLDER

    assert SENSITIVE_FIELD_PLACEHOLDER == STORED_SECRET


def test_no_page_and_no_answer_holds_a_secret(browser: Browser, stored: Any) -> None:
    path = stored.put(**STORED)
    page = browser.open(path)
    assert {name: page.values[ours(name)] for name in SECRETS} == dict.fromkeys(SECRETS, STORED_SECRET)
    assert json.loads(page.values["extra"])["token"] == STORED_SECRET
    browser.get("/connection/list/")
    assert json.loads(json.loads(browser.get("/api/v1/connections/kept"))["extra"])["ssh_private_key"] == "***"
    assert "kept" in browser.get("/api/v1/connections")


def test_a_connection_is_made_without_time_limits(browser: Browser, stored: Any) -> None:
    page = browser.open("/connection/add")
    assert not [name for name in CONNECTION_FIELDS if page.values[ours(name)]]
    one_line = KEY.replace("\n", "")  # what a browser makes of a key pasted into a line
    refused = browser.save(
        "/connection/add", page, conn_id="kept", conn_type="encord", ssh_private_key=one_line, description="new"
    )
    assert refused is None
    assert stored.extra() == {"ssh_private_key": one_line}


CHANGES: dict[str, Any] = {
    "description": "changed",
    "host": "us",
    "ssh_key_file": "/keys/encord",
    "dataset_hash": "d6",
    "connect_timeout": 7,
    "read_timeout": 8,
    **{name: f"tell-nobody-new-{name}" for name in SECRETS},
}


@pytest.mark.parametrize("name", CHANGES)
def test_editing_one_field_keeps_all_others(name: str, browser: Browser, stored: Any) -> None:
    path = stored.put(**STORED)
    assert browser.save(path, browser.open(path), **{name: CHANGES[name]}) is None
    changed = {name: CHANGES[name]} if name in CONNECTION_FIELDS else {}
    assert stored.extra() == STORED | changed


@pytest.mark.parametrize("name", [*SECRETS, "connect_timeout"])
def test_an_emptied_field_is_forgotten_and_the_others_are_kept(name: str, browser: Browser, stored: Any) -> None:
    path = stored.put(**STORED)
    assert browser.save(path, browser.open(path), **{name: ""}) is None
    assert stored.extra() == {key: value for key, value in STORED.items() if key != name}


def test_extras_that_the_form_does_not_show_are_kept(browser: Browser, stored: Any) -> None:
    path = stored.put(**STORED, total_timeout=7.5, mine="yes")
    assert browser.save(path, browser.open(path), description="changed") is None
    assert stored.extra() == {**STORED, "total_timeout": 7.5, "mine": "yes"}


def test_a_form_with_a_mistake_comes_back_without_what_was_typed_and_asks_for_it(browser: Browser, stored: Any) -> None:
    path = stored.put(**STORED)
    back = browser.save(path, browser.open(path), token="tell-nobody-new", connect_timeout="soon")
    assert back is not None
    assert (back.values[ours("token")], back.values[ours("passphrase")]) == ("", STORED_SECRET)
    assert ours("token") in back.required, "sent empty, it would delete the stored one"
    assert ours("passphrase") not in back.required
    assert stored.extra() == STORED
    assert browser.save(path, back, token="tell-nobody-new", connect_timeout="7") is None
    assert stored.extra() == {**STORED, "token": "tell-nobody-new", "connect_timeout": 7}


def test_a_refused_time_limit_is_named_where_it_stands(browser: Browser, stored: Any) -> None:
    path = stored.put(token=STORED["token"])
    page = browser.open(path)
    answer = browser.client.post(path, data=page.values | {ours("read_timeout"): "soon"})
    after = browser.seen(answer).split(f'id="{ours("read_timeout")}"')[1]
    assert "Not a valid integer value" in after.split("</tr>")[0]


def test_every_field_is_explained(browser: Browser) -> None:
    page = unescape(browser.get("/connection/add"))
    for name, described in CONNECTION_FIELDS.items():
        after = page.split(f'id="{ours(name)}"')[1]
        assert described["description"] in after.split("</tr>")[0], name


@pytest.mark.parametrize("name", SECRETS)
def test_the_test_of_stored_secrets_says_what_can_test_them(name: str, browser: Browser, stored: Any) -> None:
    path = stored.put(**{name: STORED[name]}, dataset_hash="d5")
    page = browser.open(path)
    sent = {name: page.values[ours(name)], ours(name): page.values[ours(name)], "dataset_hash": "d5"}
    body = {"connection_id": "kept", "conn_type": "encord", "extra": json.dumps(sent)}
    answer = browser.client.post("/api/v1/connections/test", json=body)
    told = json.loads(browser.seen(answer))
    assert told["status"] is False
    assert name in told["message"]
    assert "The Test button of Airflow 2 and 3.0 does not send stored secrets" in told["message"]
    assert "airflow connections test" in told["message"]


def test_no_widget_expects_json(browser: Browser) -> None:
    """The page's script turns each text area but the description into an editor for JSON."""
    areas = re.findall(r'<textarea[^>]* name="([^"]+)"', browser.get("/connection/add"))
    assert not [name for name in areas if name.startswith("extra__encord__")]
    assert EncordHook.get_connection_form_widgets().keys() == CONNECTION_FIELDS.keys()
