"""A real browser, for tests of pages: Debian's chromium, driven by Playwright. `make browser` runs them.

While the browser runs, `asyncio.run` is refused in the thread of the tests: a whole Airflow needs processes of its own.
There is one for all tests.

Environment: `CHROMIUM` names another browser of its kind, `SHOTS` a folder that gets screenshots, `PICTURES` the one
for the pictures of the documentation.
"""

import json
import os
import secrets
import shutil
import signal
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from airflow_provider_encord import demo
from airflow_provider_encord.emulator import LocalEncord
from tests.browser.drawings import draw_media
from tests.browser.screens import Screen
from tests.browser.whole_airflow import INGEST, REVIEW, WholeAirflow

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium():
    """The browser; the tests are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: install the extra `browser`")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("there is no chromium here: `apt-get install chromium`, or name one with CHROMIUM")
    # The sandbox of chromium refuses to work for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def console():
    """What browsers complained about. A test that expects complaints takes them out; any that are left fail it."""
    complaints = []
    yield complaints
    assert complaints == []


@pytest.fixture
def visit(chromium, console):
    """Open an address in a new window of a given width, light or dark, and return Playwright's page."""
    contexts = []

    def open_page(url, width=1280, height=800, *, dark=False, **options):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: console.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: console.append(str(error)))
        page.on("dialog", lambda dialog: (console.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def shot():
    """Write a screenshot of the whole page if somebody wants to see it; the width becomes part of its name."""
    folder = os.environ.get("SHOTS")

    def write(page, name):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}-{page.viewport_size['width']}.png", full_page=True)

    return write


@pytest.fixture
def figure(capsys):
    """Print what was measured."""

    def tell(name, value):
        with capsys.disabled():
            print(f"\n{name}: {value}")

    return tell


@pytest.fixture
def encord(monkeypatch):
    """A local Encord of the test's own, and the connection that leads to it."""
    with LocalEncord() as local:
        monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", local.connection)
        yield local


@pytest.fixture(scope="session")
def airflow(chromium, tmp_path_factory):
    """A whole Airflow beside a local Encord, whose media are drawn."""
    signal.signal(signal.SIGTERM, demo.interrupt)  # so that everything is stopped then, too
    with WholeAirflow(tmp_path_factory.mktemp("airflow")).running(draw_media) as running:
        yield running


@pytest.fixture(scope="session")
def keys(airflow):
    """The secrets that are pasted into forms: a key with its passphrase, and one that the local Encord doesn't know."""
    known = serialization.load_ssh_private_key(airflow.stage.private_key.read_bytes(), password=None)
    passphrase = secrets.token_urlsafe(24)
    return {
        "encord_default": {"ssh_private_key": pem(known, passphrase), "passphrase": passphrase},
        "encord_unknown": {"ssh_private_key": pem(Ed25519PrivateKey.generate())},
    }


def pem(key, passphrase=None):
    """Write a key as OpenSSH does."""
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, lock).decode()


@pytest.fixture(scope="session")
def secret_texts(keys):
    """Each passphrase, and each line of each key but the first ones, which are much the same in all keys."""
    return [
        line
        for pasted in keys.values()
        for value in pasted.values()
        for line in (value.split("\n")[2:-2] if "\n" in value else [value])
    ]


@pytest.fixture(scope="session")
def screen(chromium, airflow, secret_texts, tmp_path_factory):
    """Airflow's pages in a browser. Nothing that the server has answered in the end holds a secret."""
    har = tmp_path_factory.mktemp("network") / "network.har"
    context = chromium.new_context(
        viewport={"width": 1280, "height": 800},
        record_har_path=har,
        record_har_content="embed",
        record_har_url_filter=Screen.NETWORK,
    )
    screen = Screen(context.new_page(), airflow.url)
    screen.log_in()
    yield screen
    context.close()
    answers = list(answered(har))
    assert any(Screen.CONNECTION in url for url, _ in answers)
    leaks = {url for url, body in answers if any(secret in body for secret in secret_texts)}
    assert leaks == set()


def answered(har):
    """Yield the address and the body of each answer of text."""
    for entry in json.loads(har.read_text())["log"]["entries"]:
        content = entry["response"]["content"]
        if content.get("encoding") != "base64":
            # Escaped newlines split a key into lines, too.
            yield entry["request"]["url"], content.get("text", "")


@pytest.fixture(scope="session")
def where(airflow):
    """The fields of a connection that lead to the local Encord. Airflow 3.3.2 tests no connection without a port."""
    host, _, port = airflow.stage.encord_url.rpartition(":")
    return {"host": host, "port": port}


@pytest.fixture(scope="session")
def connections(screen, keys, where):
    """Two connections, made in the form."""
    for conn_id, pasted in keys.items():
        screen.new_connection(conn_id, **where, **pasted)
        screen.save(conn_id)


@pytest.fixture(scope="session")
def runs(screen, connections, airflow):
    """The ids of a run of each DAG that is triggered by its dialog; another one waits for an asset."""
    bucket = f"s3://{demo.BUCKET}/{demo.PREFIX}"
    screen.unpause(REVIEW)
    params = {
        demo.DAG_ID: {"media": airflow.stage.media_folder.as_uri(), "bucket_prefix": bucket},
        "refused": {},
        INGEST: {"prefix": bucket},
    }
    return {dag_id: unquote(screen.trigger(dag_id, **values)) for dag_id, values in params.items()}


@pytest.fixture(scope="session")
def run(airflow, runs):
    """The run of the example, ended well."""
    assert airflow.ended(demo.DAG_ID, runs[demo.DAG_ID]) == "success"
    return runs[demo.DAG_ID]


@pytest.fixture(scope="session")
def refused_run(airflow, runs):
    """The run with a task that Encord refused."""
    assert airflow.ended("refused", runs["refused"]) == "failed"
    return runs["refused"]


@pytest.fixture(scope="session")
def review_run(airflow, runs):
    """The run that began when another DAG had added to a dataset."""
    assert airflow.ended(INGEST, runs[INGEST]) == "success"
    started = "SELECT run_id FROM dag_run WHERE dag_id = :dag"
    ((run_id,),) = airflow.wait_for(f"the run of {REVIEW}", lambda: airflow.ask(started, dag=REVIEW), 120)
    assert airflow.ended(REVIEW, run_id) == "success"
    return run_id


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """The folder for the pictures of the documentation."""
    folder = Path(os.environ.get("PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
