"""Airflow's pages as a person sees them: forms, dialogs, logs, lists. The runs that they show began in a dialog."""

import json
import re
from pathlib import Path

import pytest

from airflow_provider_encord import demo
from airflow_provider_encord.provider_info import CONNECTION_FIELDS, FIELD_BEHAVIOUR
from tests.browser.drawings import shrink
from tests.browser.screens import Screen
from tests.browser.whole_airflow import INGEST, REVIEW
from tests.chaos.airflow_services import VERSION

IMAGES = Path(__file__).parents[2] / "docs" / "images"


@pytest.fixture(autouse=True)
def no_secret_is_shown(screen, secret_texts):
    """What is on the screen in the end of each test holds no secret, and neither do fields."""
    yield
    page = screen.page
    values = page.locator("input, textarea").evaluate_all("fields => fields.map(field => field.value).join()")
    shown = page.content() + page.locator("body").inner_text() + values
    assert [secret for secret in secret_texts if secret in shown] == []


def extra_of(airflow, conn_id):
    (row,) = airflow.ask("SELECT extra FROM connection WHERE conn_id = :id", id=conn_id)
    return {name: value for name, value in json.loads(row[0]).items() if value}


@pytest.mark.usefixtures("connections", "runs")
class TestConnection:
    def test_all_fields_are_in_the_form(self, screen):
        screen.edit_connection("encord_default")
        screen.form.get_by_text(FIELD_BEHAVIOUR["relabeling"]["host"]).wait_for()
        written = screen.form.text_content()
        assert [field["label"] for field in CONNECTION_FIELDS.values() if field["label"] not in written] == []

    def test_secrets_survive_the_edit_of_another_field(self, screen, airflow, keys):
        before = extra_of(airflow, "encord_default")
        assert {name: before[name].split() for name in before} == {
            name: value.split() for name, value in keys["encord_default"].items()
        }
        screen.edit_connection("encord_default")
        shown = screen.shown()
        assert {shown["ssh_private_key"], shown["passphrase"]} == {Screen.KEEPS_SECRETS}
        screen.fill(description="Annotation")
        screen.save("encord_default")
        assert screen.page.get_by_role("row", name="encord_default").get_by_text("Annotation").is_visible()
        assert extra_of(airflow, "encord_default") == before

    def test_test_says_whose_key_it_is(self, screen, keys, where):
        said = screen.test_connection("encord_default", **where, **keys["encord_default"])
        assert "Logged in at http://127.0.0.1:" in said

    def test_test_says_what_is_wrong_with_a_key(self, screen, keys, where):
        said = screen.test_connection("encord_unknown", **where, **keys["encord_unknown"])
        assert "this SSH key is not known here" in said
        assert "Check the key" in said
        assert "(connection" not in said  # Airflow tests a copy, whose id means nothing to anybody


def test_the_run_is_green(screen, run):
    screen.open_run(demo.DAG_ID, run)
    screen.page.get_by_text("Success").filter(visible=True).first.wait_for()
    screen.page.get_by_text("report").filter(visible=True).first.wait_for()


def test_the_log_of_a_good_task(screen, run):
    screen.open_task(demo.DAG_ID, run, "upload_videos")
    screen.page.get_by_text("2 added, 0 skipped, 0 failed.").wait_for()
    assert screen.page.get_by_text(re.compile("Uploaded 2 of 2 files")).is_visible()


def test_the_log_of_a_failed_task(screen, refused_run):
    screen.open_task("refused", refused_run, "unknown_key")
    told = screen.page.get_by_text(re.compile("this SSH key is not known here")).first
    told.wait_for()
    assert "(connection 'encord_unknown')" in told.inner_text()
    assert "Check the key or token of the connection, and its region." in told.inner_text()


def test_the_xcom(screen, run):
    screen.open_task(demo.DAG_ID, run, "upload_videos", "xcom")
    for name in ("data_hashes", "item_uuids", "job_id", "encord_dataset_url"):
        screen.page.get_by_text(name, exact=True).filter(visible=True).first.wait_for()


def test_the_rendered_fields(screen, run):
    screen.open_task(demo.DAG_ID, run, "upload_videos", "rendered")
    screen.page.get_by_text("client_metadata").filter(visible=True).first.wait_for()
    screen.page.get_by_text("nightly ingest").filter(visible=True).first.wait_for()


def test_the_link_opens_the_dataset(screen, run):
    with screen.link(demo.DAG_ID, run, "upload_videos") as page:
        page.locator("#live", has_text="Live").wait_for()
        assert page.locator("h1").inner_text().startswith("ingest-")
        assert page.locator("#rows h2").inner_text() == f"Data rows {demo.EXPECTED.total()}"


def test_the_provider_is_listed(screen):
    screen.open_providers()
    row = screen.page.get_by_role("row", name="airflow-provider-encord")
    row.wait_for()
    assert "Datasets for annotation in Encord" in row.inner_text()


def test_the_asset_tells_what_was_added(screen, airflow, review_run):
    screen.open_asset(airflow.asset)
    screen.page.get_by_text(re.compile(r'"added":\s?4')).first.wait_for()
    screen.page.get_by_text(INGEST).filter(visible=True).first.wait_for()


def test_the_second_dag_starts_from_the_asset(screen, airflow, review_run):
    screen.open_task(REVIEW, review_run, "announce")
    screen.page.get_by_text(f"4 new items in dataset {airflow.dataset}, by 1 tasks").first.wait_for()


EXAMPLE_KEY = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
(the other lines of the key)
-----END OPENSSH PRIVATE KEY-----
"""


def connection_form(screen, airflow, run):
    screen.new_connection("encord_default", host="https://api.encord.com", port="443", ssh_private_key=EXAMPLE_KEY)
    return screen.page


def trigger_dialog(screen, airflow, run):
    screen.open_trigger_dialog(demo.DAG_ID)
    return screen.page


def green_run(screen, airflow, run):
    screen.open_run(demo.DAG_ID, run)
    screen.page.get_by_role("button", name="Show Graph").click()
    screen.page.locator(".react-flow").get_by_text("success").nth(9).wait_for()
    return screen.page


def task_log(screen, airflow, run):
    screen.open_task(demo.DAG_ID, run, "upload_videos")
    screen.page.get_by_role("button", name="Show Grid").click()  # it remembers that it last showed a graph
    screen.page.get_by_text("2 added, 0 skipped, 0 failed.").wait_for()
    return screen.page


def assets(screen, airflow, run):
    screen.open_asset(airflow.asset)
    screen.page.get_by_text(re.compile(r'"added":\s?4')).first.wait_for()
    return screen.page


def providers(screen, airflow, run):
    screen.open_providers()
    screen.page.get_by_role("row", name="airflow-provider-encord").wait_for()
    return screen.page


VIEWS = (connection_form, trigger_dialog, green_run, task_log, assets, providers)
DATASET = "local_encord"


in_the_documentation = pytest.mark.skipif(not VERSION.startswith("3.3."), reason="the pictures show Airflow 3.3")


@in_the_documentation
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.usefixtures("review_run")
def test_picture(view, screen, airflow, run, pictures):
    shrink(view(screen, airflow, run).screenshot(animations="disabled"), pictures / f"{view.__name__}.png")


@in_the_documentation
def test_picture_of_the_local_encord(screen, run, pictures):
    with screen.link(demo.DAG_ID, run, "upload_videos") as page:
        page.locator("#live", has_text="Live").wait_for()
        page.locator("#rows").scroll_into_view_if_needed()
        page.evaluate(ALL_PICTURES)
        shrink(page.screenshot(animations="disabled"), pictures / f"{DATASET}.png")


ALL_PICTURES = "Promise.all([...document.querySelectorAll('#rows img')].map((image) => image.decode()))"


def test_the_documentation_has_these_pictures():
    made = {view.__name__ for view in VIEWS} | {DATASET}
    assert {path.stem for path in IMAGES.glob("*.png")} == made
