"""A real browser, for tests of pages: Debian's chromium, driven by Playwright. `make browser` runs them.

While the browser runs, `asyncio.run` is refused in the thread of the tests: a whole Airflow needs processes of its own.

Environment: `CHROMIUM` names another browser of its kind, `SHOTS` a folder that gets the screenshots.
"""

import os
import shutil
from pathlib import Path

import pytest

from airflow_provider_encord.emulator import LocalEncord

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
