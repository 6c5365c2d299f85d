"""Every code block of the pages comes from a file, and every such file is executed here."""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from airflow_provider_encord import demo, manifest
from airflow_provider_encord._client.auth import BearerCredentials, SshCredentials
from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.emulator.__main__ import parser as emulator_parser
from airflow_provider_encord.hooks.encord import EncordHook

ROOT = Path(__file__).parents[2]
SNIPPETS = Path(__file__).parent / "snippets"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
KEYS = ROOT / "tests" / "data" / "keys"
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
REGION = re.compile(r"^ *# \[START (?P<name>\w+)\]\n(?P<text>.*?)^ *# \[END (?P=name)\]$", re.MULTILINE | re.DOTALL)
GUIDES = {
    "backfill_dag.py",
    "clean_up_dag.py",
    "mapping_dag.py",
    "medical_dag.py",
    "organisations_dag.py",
    "taskflow_dag.py",
}
EXECUTED = GUIDES | {
    "build_manifest.py",
    "catch_an_error.py",
    "check_connection.py",
    "connection.json",
    "control_api.py",
    "encord_conftest.py",
    "encord_tests.py",
    "extra.json",
    "extra_token.json",
    "first_dag.py",
    "hook_in_a_task.py",
    "local_encord.py",
    "many_at_once.py",
    "manifest.json",
    "storage_folder.py",
    "models_in_xcoms.py",
    "nightly_dag.py",
    "new_operation.py",
    "ready_line.json",
    "retry_policy.py",
    "start_and_watch.py",
    "tutorial_hook.py",
    "tutorial_official.py",
    "upload_a_folder.py",
}


def blocks():
    for page in PAGES:
        for match in BLOCK.finditer(page.read_text()):
            yield page.relative_to(ROOT).as_posix(), match["language"], textwrap.dedent(match["text"])


BLOCKS = list(blocks())
COMMANDS = sorted(
    {(page, line) for page, language, text in BLOCKS if language == "bash" for line in text.splitlines() if line}
)


# -- where blocks come from ----------------------------------------------------------------------------------------


def test_there_are_no_blocks_but_those_that_can_be_checked():
    assert {language for _, language, _ in BLOCKS} == {"python", "json", "bash"}
    assert all(page.read_text().count("```") == 2 * len(BLOCK.findall(page.read_text())) for page in PAGES)


@pytest.mark.parametrize(("page", "language", "text"), [each for each in BLOCKS if each[1] != "bash"])
def test_each_block_is_a_file_or_a_region_of_an_example(page, language, text):
    known = [
        path.read_text() for path in SNIPPETS.iterdir() if path.suffix == {"python": ".py", "json": ".json"}[language]
    ]
    known += [
        textwrap.dedent(match["text"])
        for path in (ROOT / "example_dags").glob("*.py")
        for match in REGION.finditer(path.read_text())
    ]
    assert text in known


def test_each_snippet_is_shown_and_executed():
    files = {path.name: path.read_text() for path in SNIPPETS.iterdir() if path.suffix in (".py", ".json")}
    shown = {text for *_, text in BLOCKS}
    assert {name for name, text in files.items() if text not in shown} == set()
    assert set(files) == EXECUTED


def test_each_region_of_the_example_is_shown():
    regions = REGION.finditer((ROOT / "example_dags" / "encord_ingest.py").read_text())
    shown = {text for *_, text in BLOCKS}
    assert [match["name"] for match in regions if textwrap.dedent(match["text"]) not in shown] == []


# -- python --------------------------------------------------------------------------------------------------------


def test_hook_in_a_task(snippet, encord, video):
    dataset = EncordHook().create_dataset("Counted").dataset_hash
    EncordHook().upload_video(dataset, video)
    assert snippet("hook_in_a_task.py").count_by_type.function(dataset) == {"VIDEO": 1}


def test_models_in_xcoms(snippet, encord, video):
    shown = snippet("models_in_xcoms.py")
    dataset = through_xcom(shown.make_dataset.function("Made in a task"))
    assert (dataset["title"], dataset["storage_location"]) == ("Made in a task", "CORD_STORAGE")
    EncordHook().upload_video(dataset["dataset_hash"], video)
    (row,) = through_xcom(shown.list_titles.function(dataset))
    assert (row["data_title"], row["data_type"]) == ("clip.mp4", "VIDEO")


def through_xcom(value):
    """What a task gets of what another one returned."""
    try:
        from airflow.sdk.serde import deserialize, serialize
    except ImportError:
        from airflow.serialization.serde import deserialize, serialize
    return deserialize(json.loads(json.dumps(serialize(value))))


def test_upload_a_folder(snippet, encord, media):
    dataset = EncordHook().create_dataset("A folder").dataset_hash
    encord.clear_requests()
    hashes = snippet("upload_a_folder.py").upload_folder.function(dataset, str(media))
    assert [row.data_hash for row in EncordHook().list_data_rows(dataset)] == hashes
    assert len(hashes) == 2
    assert len(encord.requests("upload_job_start")) == 1


def test_storage_folder(snippet, encord, media):
    encord.settings(job_seconds=0)
    hook = EncordHook()
    folder, dataset = hook.create_folder("A storage folder").uuid, hook.create_dataset("From a folder").dataset_hash
    shown = snippet("storage_folder.py").add_to_folder.function
    assert shown(folder, dataset, [str(media / "a.png")]) == 1
    (item,) = hook.list_items(folder)
    assert item.client_metadata == {"site": "A", "batch": 7}
    (row,) = hook.list_data_rows(dataset)
    assert row.backing_item_uuid == item.uuid
    assert shown(folder, dataset, [str(media / "b.png")]) == 1, "only what no dataset holds yet"


def test_many_at_once(snippet, encord, media):
    datasets = [EncordHook().create_dataset(f"Dataset {number}").dataset_hash for number in range(3)]
    EncordHook().upload_image(datasets[1], media / "a.png")
    counts = asyncio.run(snippet("many_at_once.py").rows_of(datasets))
    assert counts == dict(zip(datasets, [0, 1, 0], strict=True))


def test_the_tutorial_in_both_spellings(snippet, encord, monkeypatch, media):
    """The same results, and the same operations asked for, each by a user of its own on a local Encord of its own."""
    client = pytest.importorskip("encord").EncordUserClient
    manifest = {"videos": [{"objectUrl": "s3://bucket/1.mp4", "title": "1.mp4"}]}
    encord.settings(job_seconds=0)
    results = [snippet("tutorial_hook.py").tutorial(EncordHook(), media, manifest)]
    asked = [[each["operation"] for each in encord.requests()]]
    with LocalEncord(job_seconds=0) as other:
        user = client.create_with_ssh_private_key(other.private_key, domain=other.url)
        results.append(snippet("tutorial_official.py").tutorial(user, media, manifest))
        asked.append([each["operation"] for each in other.requests()])
    assert results[0] == results[1]
    assert results[0]["rows"] == ["clip.mp4", "a cat", "a scan", "1.mp4"]
    changing = {"create_dataset", "delete_data", "link_items", "re_encode_start", "storage_put", "upload_job_start"}
    ours, theirs = ([name for name in names if name in changing] for names in asked)
    assert ours == theirs
    assert len(ours) > 12


def test_check_connection(snippet, encord, monkeypatch):
    check = snippet("check_connection.py").check_encord.function
    assert encord.url in check()
    connection = {"conn_type": "encord", "host": encord.url, "extra": {"ssh_key_file": str(key_file())}}
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
    with pytest.raises(Exception, match=r"not accepted|not registered"):
        check()


def test_catch_an_error(snippet, encord, capsys):
    rows = snippet("catch_an_error.py").rows_or_none.function
    assert rows(EncordHook().create_dataset("Empty").dataset_hash) == 0
    assert rows("00000000-0000-0000-0000-000000000000") is None
    assert "00000000-0000-0000-0000-000000000000 is gone" in capsys.readouterr().out


def test_retry_policy(snippet, airflow_version):
    if airflow_version < (3, 3):
        pytest.skip("Airflow 3.3 and later")
    from airflow_provider_encord import exceptions

    decide = snippet("retry_policy.py").ENCORD_RETRIES.evaluate
    slow = decide(exceptions.EncordRateLimitError(), 1, 3)
    assert (slow.action.value, slow.retry_delay.total_seconds()) == ("retry", 300)
    assert decide(exceptions.EncordNetworkError(), 1, 3).retry_delay.total_seconds() == 60
    assert decide(exceptions.EncordJobCancelledError(), 1, 3).action.value == "fail"
    assert decide(exceptions.EncordTimeoutError(), 1, 3).action.value == "default"


def test_local_encord(snippet, monkeypatch, capsys):
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", "to be replaced")
    made = snippet("local_encord.py").made.dataset_hash
    assert f"{made} {{'datasets': 1," in capsys.readouterr().out


@pytest.mark.system
def test_the_fixture_its_tests_and_the_dags_of_the_guides(source, tmp_path):
    """A folder that holds what the pages show, and a DAG whose mapped tasks hand on what they found."""
    (tmp_path / "dags").mkdir()
    for name, snippet in {
        "conftest.py": "encord_conftest.py",
        "test_it.py": "encord_tests.py",
        "dags/nightly.py": "nightly_dag.py",
        "dags/mapped.py": "../mapped/dag.py",
        "test_mapped.py": "../mapped/tests.py",
        **{f"dags/{guide}": guide for guide in GUIDES},
        "test_guides.py": "../guides/tests.py",
    }.items():
        (tmp_path / name).write_text(source(snippet))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{4 + len(GUIDES)} passed" in done.stdout


def test_control_api(snippet, encord, monkeypatch, capsys):
    monkeypatch.setenv("ENCORD_URL", encord.url)
    EncordHook().create_dataset("Asked for")
    snippet("control_api.py")
    shown = capsys.readouterr().out
    assert "create_dataset 200" in shown
    assert "'datasets': 1" in shown


def test_new_operation(snippet, encord):
    made = EncordHook().create_dataset("With a folder")
    module = snippet("new_operation.py")
    assert EncordHook().run(module.get_folder(made.backing_folder_uuid)).name == "With a folder"


# -- json ----------------------------------------------------------------------------------------------------------


def key_file() -> Path:
    return KEYS / "TEST_ONLY_ed25519"


def test_connection_json(monkeypatch):
    connection = json.loads((SNIPPETS / "connection.json").read_text())
    shown = connection["extra"]
    first, *_, last = key_file().read_text().splitlines()
    lines = shown["ssh_private_key"].splitlines()
    assert (lines[0], lines[-1]) == (first, last)
    shown |= {
        "ssh_private_key": (KEYS / "TEST_ONLY_ed25519_passphrase").read_text(),
        "passphrase": "test-only-passphrase",
    }
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
    settings = EncordHook().settings
    assert settings.domain == "https://api.encord.com"
    assert isinstance(settings.credentials, SshCredentials)
    assert vars(settings.timeouts) == {"connect": 30, "read": 60, "total": 600, "stall": 60}


@pytest.mark.parametrize(("name", "kind"), [("extra.json", SshCredentials), ("extra_token.json", BearerCredentials)])
def test_extra_json(name, kind, monkeypatch, home):
    extra = (SNIPPETS / name).read_text()
    if "token" in extra:
        extra = extra.replace("the token that Encord handed out", "a-token")
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps({"conn_type": "encord", "extra": extra}))
    assert isinstance(EncordHook().settings.credentials, kind)


def test_manifest_json(encord):
    shown = json.loads((SNIPPETS / "manifest.json").read_text())
    assert manifest.check(shown) == 3
    dataset = EncordHook().create_dataset("Registered").dataset_hash
    EncordHook().add_private_data_to_dataset(dataset, encord.integrations["AWS"], shown)
    assert sorted(row.data_type for row in EncordHook().list_data_rows(dataset)) == ["IMAGE", "IMG_GROUP", "VIDEO"]


def test_build_manifest(snippet):
    made = snippet("build_manifest.py").make_manifest.function()
    assert manifest.check(made) == 3
    assert {"videos", "image_groups", "nifti", "skip_duplicate_urls"} == set(made)


def test_ready_line_json():
    command = [sys.executable, "-m", "airflow_provider_encord.emulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
    shown = json.loads((SNIPPETS / "ready_line.json").read_text())
    assert list(shown) == list(ready)
    assert shown["integrations"] == ready["integrations"]
    assert Path(shown["private_key_path"]).name == Path(ready["private_key_path"]).name


# -- shell ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home with the key that the pages speak of."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "encord_ed25519").write_text(key_file().read_text())
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_each_command_is_one_that_exists(page, line, home, monkeypatch):
    program, *arguments = shlex.split(line)
    if program == "export":
        check_export(line, monkeypatch)
    elif program == "make":
        check_make(arguments)
    elif program == "pip":
        check_pip(arguments)
    elif program == "airflow":
        check_airflow(arguments)
    elif program == "encord-demo":
        assert demo.parser().parse_args(arguments)
    elif program == "encord-emulator":
        assert emulator_parser().parse_args(arguments)
    elif program == "moto_server":
        assert arguments == ["--port", "5555"]
    elif program == "ssh-keygen":
        assert arguments == ["-t", "ed25519", "-f", "~/.ssh/encord_ed25519"]
    elif program == ".venv/bin/python":
        check_python(arguments)
    else:
        assert [program, *arguments] == [".ci/run"]
        assert os.access(ROOT / program, os.X_OK)


def check_export(line, monkeypatch):
    command = f"{line}\nenv -0"
    done = subprocess.run(["/bin/sh", "-c", command], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
    name = line.removeprefix("export ").partition("=")[0]
    value = dict(each.split("=", 1) for each in done.stdout.decode().split("\0") if "=" in each)[name]
    if name == "AIRFLOW_CONN_AWS_DEFAULT":
        assert json.loads(value)["extra"]["endpoint_url"].startswith("http://127.0.0.1:")
        return
    if name.startswith("AIRFLOW_CONN_"):
        monkeypatch.setenv(name, value)
        settings = EncordHook(name.removeprefix("AIRFLOW_CONN_").lower()).settings
        assert isinstance(settings.credentials, SshCredentials)
        local = "http://127.0.0.1:8099"
        expected = {
            "encord://us": "https://api.us.encord.com",
            "encord://https": "https://encord.example.com:8443",
            f'{{"conn_type": "encord", "host": "{local}"': local,
        }
        assert settings.domain == next(
            (domain for start, domain in expected.items() if value.startswith(start)), "https://api.encord.com"
        )
        return
    from airflow.configuration import conf

    _, section, key = name.split("__")
    assert conf.has_option(section.lower(), key.lower())


def check_make(arguments):
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for argument in arguments:
        name, assigned, _ = argument.partition("=")
        assert f"$({name})" in makefile if assigned else argument in targets


def check_pip(arguments):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    verb, what = arguments
    match = re.fullmatch(r"(?P<name>[a-z-]+)(\[(?P<extras>[a-z0-9,]+)\])?", what)
    assert (verb, match["name"]) == ("install", project["name"])
    assert set((match["extras"] or "").split(",")) - {""} <= set(project["optional-dependencies"])


def check_airflow(arguments):
    from airflow.cli import cli_parser

    cli_parser.get_parser().parse_args(arguments)


def check_python(arguments):
    assert arguments[:2] == ["-m", "pytest"]
    what = arguments[2:]
    assert what == ["-m", "not system"] or (ROOT / what[0]).is_dir()


# -- the first DAG -------------------------------------------------------------------------------------------------


@pytest.fixture
def video(tmp_path) -> Path:
    path = tmp_path / "clip.mp4"
    demo.make_video(path)
    return path


@pytest.fixture
def media(video) -> Path:
    """A folder with a video, two images and two DICOM files."""
    image = pytest.importorskip("PIL.Image")
    for name in ("a.png", "b.png"):
        image.new("RGB", (32, 16), (10, 20, 30)).save(video.parent / name)
    for name in ("1.dcm", "2.dcm"):
        (video.parent / name).write_bytes(bytes(128) + b"DICM" + name.encode())
    return video.parent


@pytest.mark.system
def test_the_dags_run_as_the_pages_say(source, tmp_path, video, airflow_version):
    """The README's steps 3 to 5 (the variable, the file, the command), then the DAG that starts and watches."""
    readme = (ROOT / "README.md").read_text()
    (command,) = re.findall(r"^airflow (.*)$", readme, re.MULTILINE)
    (variable,) = re.findall(r"^export AIRFLOW_CONN_ENCORD_DEFAULT='(.*)'$", readme, re.MULTILINE)
    (tmp_path / "dags").mkdir()
    for name in ("first_dag.py", "start_and_watch.py"):
        (tmp_path / "dags" / name).write_text(source(name))
    with LocalEncord() as encord:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "encord_ed25519").write_text(encord.private_key)
        environment = demo.clean_environment() | {
            "HOME": str(tmp_path),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW_CONN_ENCORD_DEFAULT": json.dumps(json.loads(variable) | {"host": encord.url}),
        }

        def airflow(*arguments):
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *arguments],
                env=environment,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]

        airflow("db", "migrate")
        if airflow_version == (3, 0):  # its `dags test` finds only what is in the database
            airflow("dags", "reserialize")
        airflow(*shlex.split(command.replace("/data/clip.mp4", str(video))))
        (dataset,) = encord.state()["rows"]
        encord.settings(job_seconds=2)  # so that there is something to wait for
        conf = {"dataset_hash": dataset, "video": str(video)}
        airflow("dags", "test", "start_and_watch", "--conf", json.dumps(conf))
        state = encord.state()
    assert state["rows"] == {dataset: 2}
    assert list(state["jobs"].values()) == ["DONE", "DONE"]
