"""Airflow's pages by what a person does there. Each Airflow draws them in its own way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlencode

from tests.browser.whole_airflow import PASSWORD, USER
from tests.chaos.airflow_services import IS_2

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PATIENCE = 120_000
STANDARD = ("description", "host", "port")
SHOWN = "fields => Object.fromEntries(fields.map(field => [field.name, field.value]))"


class Airflow3:
    """The pages of Airflow 3."""

    NETWORK = re.compile(r"/(api/v2|ui|auth)/")
    """What is kept of what the server answers; the rest is Airflow's own code."""
    CONNECTION = "/api/v2/connections/encord_default"
    KEEPS_SECRETS: ClassVar[str] = "***"
    """What stands in the form for a stored secret."""
    FOLDED = ".codicon-folding-collapsed, .react-json-view .icon-container"
    """Unfolds JSON: in Airflow 3.3, and in earlier ones."""
    SECTION = ("Extra Fields", "Standard Fields")

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        page.set_default_timeout(PATIENCE)

    def log_in(self) -> None:
        """Come in; everybody may."""
        self.page.goto(self.url)
        self.page.get_by_role("link", name="Dags").first.wait_for()

    @property
    def form(self) -> Locator:
        """The dialog that is open."""
        return self.page.get_by_role("dialog")

    def field(self, name: str) -> Locator:
        """A field of the connection, or of the params of a DAG."""
        return self.form.locator(f"[name={name}], [name=element_{name}]")

    def new_connection(self, conn_id: str, **values: str) -> None:
        """Fill in the form of a new connection; it is not saved yet."""
        self.page.goto(f"{self.url}/connections")
        self.page.get_by_role("button", name="Add Connection").click()
        self.field("connection_id").fill(conn_id)
        self.form.get_by_role("combobox").press_sequentially("encord")
        self.page.get_by_role("option", name="encord").click()
        self.fill(**values)

    def fill(self, **values: str) -> None:
        """Fill in fields of the form; those of its other section appear when that is opened."""
        for name, value in values.items():
            self.field(name).wait_for(state="attached")
            if not self.field(name).is_visible():
                self.form.get_by_role("button", name=self.SECTION[name in STANDARD], exact=True).click()
            self.field(name).fill(value)

    def save(self, conn_id: str) -> None:
        """Save the form, and wait until the connection is in the list."""
        self.form.get_by_role("button", name="Save").click()
        self.form.wait_for(state="hidden")
        self._row(conn_id).wait_for()

    def _row(self, conn_id: str) -> Locator:
        return self.page.get_by_role("row", name=conn_id)

    def edit_connection(self, conn_id: str) -> None:
        """Open the form of a stored connection."""
        self.page.goto(f"{self.url}/connections")
        self._row(conn_id).get_by_role("button", name="Edit Connection").click()
        self.field("ssh_private_key").wait_for(state="attached")

    def shown(self) -> dict[str, str]:
        """Return what the form of a connection shows, by the names of its fields."""
        fields: dict[str, str] = self.form.locator("[name]").evaluate_all(SHOWN)
        return {name.removeprefix("element_"): value for name, value in fields.items()}

    def test_connection(self, conn_id: str, **_: str) -> str:
        """Press *Test* for a stored connection, and return what it says."""
        self.page.goto(f"{self.url}/connections")
        self._row(conn_id).get_by_role("button", name="Test Connection").click()
        answer = self.page.get_by_text(re.compile("Test Connection (Successful|Failed)|Bad Request"))
        answer.wait_for()
        return answer.locator("xpath=../..").inner_text()

    def open_trigger_dialog(self, dag_id: str, **params: str) -> None:
        """Open the dialog that triggers a DAG, and fill in its params."""
        self.page.goto(f"{self.url}/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger").first.click()
        self.form.get_by_text("Advanced Options").wait_for()
        self.fill(**params)

    def trigger(self, dag_id: str, **params: str) -> str:
        """Trigger a DAG by its dialog, and return the id of the run."""
        self.open_trigger_dialog(dag_id, **params)
        self.form.get_by_role("button", name="Trigger").last.click()
        self.page.wait_for_url("**/runs/*")
        return self.page.url.rpartition("/")[2]

    def unpause(self, dag_id: str) -> None:
        """Switch a DAG on."""
        self.page.goto(f"{self.url}/dags/{dag_id}")
        self.page.get_by_test_id("toggle-pause").click()
        self.page.locator("[data-testid=toggle-pause][data-state=checked]").wait_for()

    def open_run(self, dag_id: str, run_id: str) -> None:
        """Open the page of a run."""
        self.page.goto(f"{self.url}/dags/{dag_id}/runs/{run_id}")

    def open_task(self, dag_id: str, run_id: str, task_id: str, tab: str = "") -> None:
        """Open a page of a task: its log, or ``xcom``, ``rendered`` or ``details``."""
        tab = {"rendered": "rendered_templates"}.get(tab, tab)
        self.page.goto(f"{self.url}/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{tab}")

    @contextmanager
    def link(self, dag_id: str, run_id: str, task_id: str) -> Iterator[Page]:
        """Follow the link of a task into Encord."""
        self.open_task(dag_id, run_id, task_id, "details")
        with self.page.expect_popup() as popup:
            self.page.get_by_role("link", name="Open in Encord").click()
        yield popup.value
        popup.value.close()

    def open_providers(self) -> None:
        """Open the list of providers."""
        self.page.goto(f"{self.url}/providers")

    def open_asset(self, uri: str) -> None:
        """Find an asset in the list, and open its page, where what its event tells is unfolded."""
        self.page.goto(f"{self.url}/assets")
        self.page.get_by_role("link", name=uri).click()
        self.page.get_by_text("Source:").wait_for()  # the list folds JSON, too
        self.page.locator(self.FOLDED).click()


class Airflow2(Airflow3):
    """The pages of Airflow 2."""

    NETWORK = re.compile(r"^(?!.*/static/)")
    CONNECTION = "/connection/edit/"
    KEEPS_SECRETS = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"

    def log_in(self) -> None:
        """Come in with the password."""
        self.page.goto(f"{self.url}/login/")
        self.page.locator("[name=username]").fill(USER)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.locator("[type=submit]").click()
        self.page.get_by_text("Cluster Activity").first.wait_for()

    @property
    def form(self) -> Locator:
        """The form of the page."""
        return self.page.locator("form:has(button[type=submit]):not([action*=logout])")

    def field(self, name: str) -> Locator:
        """A field of the connection, or of the params of a DAG."""
        return self.form.locator(f"[name={name}], [name=extra__encord__{name}], [name=element_{name}]")

    def new_connection(self, conn_id: str, **values: str) -> None:
        """Fill in the form of a new connection; it is not saved yet."""
        self.page.goto(f"{self.url}/connection/add")
        self.field("conn_id").fill(conn_id)
        self.field("conn_type").select_option("encord", force=True)
        self.field("ssh_private_key").wait_for()
        self.fill(**values)

    def save(self, conn_id: str) -> None:
        """Save the form, and wait until the connection is in the list."""
        self.form.get_by_role("button", name="Save").click()
        self.page.get_by_text(re.compile("(Added|Changed) Row")).wait_for()
        self.page.goto(f"{self.url}/connection/list/")
        self._row(conn_id).wait_for()

    def edit_connection(self, conn_id: str) -> None:
        """Open the form of a stored connection."""
        self.page.goto(f"{self.url}/connection/list/")
        self._row(conn_id).locator("a[href*='/edit/']").click()
        self.field("ssh_private_key").wait_for()

    def shown(self) -> dict[str, str]:
        """Return what the form of a connection shows, by the names of its fields."""
        fields: dict[str, str] = self.form.locator("[name]").evaluate_all(SHOWN)
        return {name.removeprefix("extra__encord__"): value for name, value in fields.items()}

    def test_connection(self, conn_id: str, **values: str) -> str:
        """Press *Test* in a form, since Airflow 2 can't test what is stored, and return what it says."""
        self.new_connection(f"{conn_id}_again", **values)
        self.form.get_by_role("button", name="Test").click()
        answer = self.page.locator(".alert", has_text=re.compile("Encord|Logged in"))
        answer.wait_for()
        said = answer.inner_text()
        self.page.goto(f"{self.url}/connection/list/")
        return said

    def open_trigger_dialog(self, dag_id: str, **params: str) -> None:
        """Open the form that triggers a DAG, and fill in its params."""
        self.page.goto(f"{self.url}/dags/{dag_id}/trigger?show_trigger_form=True")
        self.form.get_by_role("button", name="Trigger").wait_for()
        self.fill(**params)

    def trigger(self, dag_id: str, **params: str) -> str:
        """Trigger a DAG by its form, and return the id of the run."""
        self.open_trigger_dialog(dag_id, **params)
        self.form.get_by_role("button", name="Trigger").click()
        told = self.page.get_by_text(re.compile("Triggered .*manual__"))
        told.first.wait_for()
        return re.search(r"manual__[^ ,]+", told.first.inner_text())[0]  # type: ignore[index]

    def unpause(self, dag_id: str) -> None:
        """Switch a DAG on."""
        self.page.goto(f"{self.url}/dags/{dag_id}/grid")
        switch = self.page.locator("#pause_resume")
        with self.page.expect_response("**/paused?*"):
            switch.locator("xpath=..").click()

    def open_run(self, dag_id: str, run_id: str) -> None:
        """Open the page of a run."""
        self.page.goto(f"{self.url}/dags/{dag_id}/grid?{urlencode({'dag_run_id': run_id})}")

    def open_task(self, dag_id: str, run_id: str, task_id: str, tab: str = "logs") -> None:
        """Open a page of a task: its log, or ``xcom``, ``rendered`` or ``details``."""
        where = {"dag_run_id": run_id, "task_id": task_id, "tab": tab}
        if tab == "rendered":
            date = run_id.removeprefix("manual__")
            where = {"dag_id": dag_id, "task_id": task_id, "execution_date": date}
            self.page.goto(f"{self.url}/rendered-templates?{urlencode(where)}")
        else:
            self.page.goto(f"{self.url}/dags/{dag_id}/grid?{urlencode(where)}")

    def open_providers(self) -> None:
        """Open the list of providers."""
        self.page.goto(f"{self.url}/provider")

    def open_asset(self, uri: str) -> None:
        """Find the last event of a dataset in the list, open the dataset, and unfold what the event tells."""
        self.page.goto(f"{self.url}/datasets")
        self.page.get_by_role("link", name=uri).click()
        self.page.get_by_text("Tasks that update this Dataset").wait_for()  # the list folds JSON, too
        self.page.locator(self.FOLDED).click()


Screen = Airflow2 if IS_2 else Airflow3
