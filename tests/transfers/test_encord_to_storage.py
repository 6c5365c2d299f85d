"""Files of items, from the local Encord to disk and to a bucket in a local S3."""

import json
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_encord._compat import AirflowSkipException, ObjectStoragePath
from airflow_provider_encord._storage import targets
from airflow_provider_encord._storage.targets import TargetFolder, safe_name
from airflow_provider_encord.exceptions import EncordDownloadError, EncordInputError, EncordMachineError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.transfers.encord_to_storage import EncordToStorageOperator

NOBODY = "00000000-0000-0000-0000-000000000000"
COUNT = 300
LARGE = "".join(f"{number:08d}" for number in range(2_500_001)).encode()


class TaskInstance:
    def __init__(self):
        self.xcoms = {}

    def xcom_push(self, key, value, **_):
        self.xcoms[key] = value


@pytest.fixture
def context():
    return {"ti": TaskInstance()}


@pytest.fixture
def upload(encord, tmp_path):
    """Puts files into a new folder of Encord's storage; the contents by name."""
    folder = EncordHook().create_folder("source").uuid

    def run(names_and_contents, kind="plainText"):
        paths = []
        for number, (name, content) in enumerate(names_and_contents.items()):
            path = tmp_path / "source" / str(number) / name
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            paths.append(path)
        EncordHook().upload_files_to_folder(folder, kind, paths, client_metadata={"a": 1})
        encord.clear_requests()
        return folder

    return run


@pytest.fixture
def many(upload):
    """A folder with some hundred small files, and what is in them."""
    contents = {f"{number}.txt": f"the words of {number}".encode() for number in range(COUNT)}
    return upload(contents), contents


def copy(context, destination, **given):
    return EncordToStorageOperator(task_id="task", destination=destination, **given).execute(context)


def manifest_of(folder):
    return [json.loads(line) for line in (Path(folder) / "manifest.jsonl").read_text().splitlines()]


def files_of(folder):
    """The content of each file that the manifest names, by the item's name; nothing else may be there."""
    lines = manifest_of(folder)
    there = {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}
    assert there == {line["path"] for line in lines} | {"manifest.jsonl"}
    assert all((Path(folder) / line["path"]).stat().st_size == line["size"] for line in lines)
    return {line["name"]: (Path(folder) / line["path"]).read_bytes() for line in lines}


def operations(encord):
    return Counter(each["operation"] for each in encord.requests())


def test_a_folder_to_disk_and_a_second_time(many, context, tmp_path, encord):
    folder, contents = many
    report = copy(context, str(tmp_path / "to"), folder_uuid={"folder_uuid": folder})
    assert report == {
        "folder_uuid": folder,
        "destination": str(tmp_path / "to"),
        "manifest": str(tmp_path / "to" / "manifest.jsonl"),
        "manifest_conn_id": None,
        "downloaded": COUNT,
        "present": 0,
        "failed": 0,
        "left_out": {"tombstones": 0, "placeholders": 0},
        "bytes": sum(map(len, contents.values())),
        "errors": [],
    }
    assert files_of(tmp_path / "to") == contents
    line = next(line for line in manifest_of(tmp_path / "to") if line["name"] == "7.txt")
    assert line["path"] == f"{line['item_uuid']}/7.txt"
    assert (line["item_type"], line["group_uuid"], line["client_metadata"]) == ("plainText", None, {"a": 1})

    # What is there is not read again, and what is gone or cut is.
    paths = sorted((tmp_path / "to").glob("*/*.txt"))
    paths[0].unlink()
    paths[1].write_bytes(b"cut")
    encord.clear_requests()
    again = copy(context, str(tmp_path / "to"), folder_uuid=folder)
    assert (again["downloaded"], again["present"]) == (2, COUNT - 2)
    assert operations(encord)["storage_get"] == 2
    assert files_of(tmp_path / "to") == contents


def test_a_folder_to_a_bucket(many, context, bucket, tmp_path, encord):
    folder, contents = many
    _, name = bucket
    to = f"s3://{name}/copies"
    report = copy(context, to, destination_conn_id="aws_default", folder_uuid=folder)
    assert (report["downloaded"], report["manifest"]) == (COUNT, f"{to}/manifest.jsonl")
    assert report["manifest_conn_id"] == "aws_default"
    root = ObjectStoragePath(f"s3://aws_default@{name}/copies")
    lines = [json.loads(line) for line in (root / "manifest.jsonl").read_text().splitlines()]
    assert {line["name"]: (root / line["path"]).read_bytes() for line in lines} == contents
    encord.clear_requests()
    assert copy(context, root, folder_uuid=folder)["present"] == COUNT
    assert operations(encord)["storage_get"] == 0


@pytest.mark.parametrize("store", ["disk", "bucket"])
def test_a_large_file_goes_in_blocks(store, upload, context, bucket, tmp_path):
    content = LARGE
    folder = upload({"large.txt": content})
    to = tmp_path / "to" if store == "disk" else ObjectStoragePath(f"s3://aws_default@{bucket[1]}/to")
    copy(context, str(to) if store == "disk" else to, folder_uuid=folder)
    (line,) = [json.loads(line) for line in (to / "manifest.jsonl").read_text().splitlines()]
    assert (to / line["path"]).read_bytes() == content


@pytest.mark.parametrize("store", ["disk", "bucket"])
def test_of_a_file_that_breaks_off_there_is_nothing(store, upload, context, bucket, tmp_path, monkeypatch):
    folder = upload({"large.txt": LARGE})
    writer = targets.LocalWriter if store == "disk" else targets.StoreWriter
    write, blocks = writer.write, []

    def break_off(self, block):
        blocks.append(len(block))
        if sum(blocks) > 15_000_000:
            raise OSError("No space left on device")
        write(self, block)

    to = str(tmp_path / "to") if store == "disk" else ObjectStoragePath(f"s3://aws_default@{bucket[1]}/to")
    with monkeypatch.context() as full:
        full.setattr(writer, "write", break_off)
        with pytest.raises(EncordDownloadError, match=r"cannot be written .OSError: No space left"):
            copy(context, to, folder_uuid=folder)
    assert len(blocks) > 2
    if store == "disk":
        assert [path for path in (tmp_path / "to").rglob("*") if path.is_file()] == []
    else:
        assert to.fs.find(to.path) == []
    assert copy(context, to, folder_uuid=folder)["downloaded"] == 1


def test_a_bucket_that_is_not_there(upload, context, encord):
    folder = upload({"a.txt": b"a"})
    with pytest.raises((EncordDownloadError, EncordMachineError), match=r"NoSuchBucket|bucket does not exist"):
        copy(context, "s3://aws_default@no-such-bucket-here/to", folder_uuid=folder)


def test_what_a_killed_attempt_left_beside_a_file_goes(upload, context, tmp_path):
    folder = upload({"a.txt": b"a"})
    (item,) = EncordHook().iter_items(folder)
    left = tmp_path / "to" / item.uuid / ".a.txt.99999.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    copy(context, str(tmp_path / "to"), folder_uuid=folder)
    assert files_of(tmp_path / "to") == {"a.txt": b"a"}


def test_a_url_that_has_expired_is_asked_for_once_more(many, context, tmp_path, encord):
    folder, contents = many
    encord.fault("storage_get", status=403, times=5)
    report = copy(context, str(tmp_path / "to"), folder_uuid=folder)
    assert (report["downloaded"], report["failed"]) == (COUNT, 0)
    assert files_of(tmp_path / "to") == contents
    assert operations(encord)["storage_get"] == COUNT + 5


def test_each_failure_is_named_and_some_are_tolerated(many, context, tmp_path, encord, caplog):
    folder, contents = many
    encord.fault("storage_get", status=404, times=3)
    with pytest.raises(EncordDownloadError) as failed:
        copy(context, str(tmp_path / "to"), folder_uuid=folder, max_failed_items=2)
    assert str(failed.value).startswith(f"Folder {folder}: 3 of {COUNT} files could not be copied")
    assert str(failed.value).count("storage answered HTTP 404") == 3
    assert not (tmp_path / "to" / "manifest.jsonl").exists()
    for secret in ("signature=", "?"):
        assert secret not in str(failed.value)
    encord.fault("storage_get", status=404, times=3)
    report = copy(context, str(tmp_path / "other"), folder_uuid=folder, max_failed_items=0.01)
    assert (report["failed"], len(report["errors"])) == (3, 3)
    assert len(files_of(tmp_path / "other")) == COUNT - 3
    assert copy(context, str(tmp_path / "to"), folder_uuid=folder)["downloaded"] == 3
    assert files_of(tmp_path / "to") == contents


def test_a_broken_connection_is_tried_again(upload, context, tmp_path, encord):
    folder = upload({"a.txt": b"a" * 100_000})
    encord.fault("storage_get", status=503)
    assert copy(context, str(tmp_path / "to"), folder_uuid=folder)["downloaded"] == 1
    assert files_of(tmp_path / "to") == {"a.txt": b"a" * 100_000}


def test_urls_are_asked_for_just_in_time(many, context, tmp_path, encord):
    folder, _ = many
    copy(context, str(tmp_path / "to"), folder_uuid=folder, max_workers=4)
    handed_out = most = 0
    for each in encord.requests():
        handed_out += {"get_items": 4, "storage_get": -1}.get(each["operation"], 0)
        most = max(most, handed_out)
    assert most <= 16


@pytest.fixture
def mixed(encord, tmp_path):
    """A dataset with an image of a bad name, and a group of two images of one name."""
    image = pytest.importorskip("PIL.Image")
    paths = [tmp_path / "images" / part / "same.png" for part in ("one", "two")]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    hook = EncordHook()
    dataset = hook.create_dataset("mixed").dataset_hash
    hook.create_image_group(dataset, paths, title="a group")
    hook.upload_image(dataset, paths[0], title="../../etc/single.png")
    return dataset, paths


def test_a_dataset_with_a_group(mixed, context, tmp_path):
    dataset, paths = mixed
    report = copy(context, str(tmp_path / "to"), dataset_hash=dataset)
    assert (report["dataset_hash"], report["downloaded"]) == (dataset, 3)
    assert context["ti"].xcoms["encord_dataset_url"].endswith(dataset)
    files_of(tmp_path / "to")
    rows = {row.data_type: row.backing_item_uuid for row in EncordHook().list_data_rows(dataset)}
    lines = manifest_of(tmp_path / "to")
    in_group = [line for line in lines if line["group_uuid"] == rows["IMG_GROUP"]]
    contents = {(tmp_path / "to" / line["path"]).read_bytes() for line in in_group}
    assert contents == {path.read_bytes() for path in paths}
    assert all(line["path"].startswith(f"{rows['IMG_GROUP']}/{line['item_uuid']}/") for line in in_group)
    (single,) = (line for line in lines if line["group_uuid"] is None)
    assert single["path"] == f"{rows['IMAGE']}/single.png"
    assert copy(context, str(tmp_path / "to"), dataset_hash=dataset)["present"] == 3
    only = copy(context, str(tmp_path / "images only"), dataset_hash=dataset, item_types="image")
    assert only["downloaded"] == 1


def test_tombstones_and_placeholders_are_counted(upload, context, tmp_path, encord):
    hook = EncordHook()
    folder = upload({"a.txt": b"a"})
    encord.settings(placeholders_from="url")
    from airflow_provider_encord._client.resources import upload_urls

    hook.run(upload_urls.get_folder_upload_urls(folder, 2, "plainText"))
    report = copy(context, str(tmp_path / "to"), folder_uuid=folder)
    assert (report["downloaded"], report["left_out"]) == (1, {"tombstones": 0, "placeholders": 2})


def test_an_item_that_is_gone_by_then(upload, context, tmp_path, monkeypatch):
    folder = upload({"a.txt": b"a", "b.txt": b"b"})
    listed = list(EncordHook().iter_items(folder))
    EncordHook().delete_items(folder, [listed[0].uuid])
    monkeypatch.setattr(EncordHook, "iter_items", lambda self, *_, **__: iter(listed))
    report = copy(context, str(tmp_path / "to"), folder_uuid=folder, max_failed_items=1)
    assert (report["downloaded"], report["failed"]) == (1, 1)
    assert listed[0].uuid in report["errors"][0]["error"]


def test_an_empty_folder_is_nothing_to_do(encord, context, tmp_path):
    folder = EncordHook().create_folder("empty").uuid
    with pytest.raises(AirflowSkipException):
        copy(context, str(tmp_path / "to"), folder_uuid=folder)
    report = copy(context, str(tmp_path / "to"), folder_uuid=folder, on_empty="succeed")
    assert (report["downloaded"], report["manifest"]) == (0, None)


@pytest.mark.parametrize(
    "given",
    [{}, {"folder_uuid": NOBODY, "dataset_hash": NOBODY}, {"dataset_hash": NOBODY, "recursive": True}],
    ids=str,
)
def test_a_folder_or_a_dataset(given):
    with pytest.raises(EncordInputError, match="folder_uuid"):
        EncordToStorageOperator(task_id="task", destination="/to", **given)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.mp4", "a.mp4"),
        ("in/b.mp4", "b.mp4"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..", "file"),
        ("a/..", "file"),
        ("C:\\x\\..\\y.png", "y.png"),
        ("", "file"),
        ("a\x00b\n.png", "a_b_.png"),
        ("100%?#[1].png", "100____1_.png"),
        (".hidden", "hidden"),
        ("Ünï cödé.png", "Ünï cödé.png"),
        ("x" * 300 + ".png", "x" * 176 + ".png"),
        ("ü" * 300 + ".png", "ü" * 88 + ".png"),
        ("\ud800.png", "_.png"),
    ],
)
def test_names_that_any_store_takes(name, safe, tmp_path):
    assert safe_name(name) == safe
    target = TargetFolder(tmp_path).target("uuid", safe_name(name))
    target.write(b"x")
    assert target.size() == 1
    assert [path.parent for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "uuid"]
