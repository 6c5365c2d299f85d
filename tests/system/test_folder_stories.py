"""The example DAGs of storage folders, one after the other: into a folder, metadata, out of it, and a synced one."""

import json

import pytest

DONE = "success"

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def bucket_url(demo):
    return f"s3://{demo.BUCKET}/{demo.PREFIX}"


@pytest.fixture(scope="module")
def into_folder(theatre, bucket_url):
    return theatre.run("encord_bucket_to_folder", name="into a folder", prefix=bucket_url)


def test_what_is_new_is_registered_and_linked_and_with_nothing_new_the_rest_is_skipped(
    into_folder, theatre, bucket_url
):
    assert set(into_folder.states.values()) == {DONE}
    assert into_folder.returned("register_new")["added"] == 4
    assert into_folder.returned("link_new")["linked"] == 4
    assert len(theatre.rows("into a folder")) == 4
    again = theatre.run("encord_bucket_to_folder", name="into a folder", prefix=bucket_url)
    assert {task: again.states[task] for task in ("create_folder", "register_new", "link_new")} == {
        "create_folder": DONE,
        "register_new": "skipped",
        "link_new": "skipped",
    }
    assert again.returned("create_folder") == into_folder.returned("create_folder")


def test_metadata_from_a_file_and_then_the_files_to_disk(into_folder, theatre, tmp_path):
    names = [item["data_title"] for item in into_folder.returned("link_new")["items"]]
    (tmp_path / "metadata.csv").write_text("\n".join(["name,score", *(f"{name},0.5" for name in names), "nobody,1"]))
    updated = theatre.run("encord_update_items", folder="into a folder", file=str(tmp_path / "metadata.csv"))
    assert set(updated.states.values()) == {DONE}
    counts = updated.returned("update_items")
    assert {name: counts[name] for name in ("updated", "missing", "failed")} == {
        "updated": 4,
        "missing": 1,
        "failed": 0,
    }
    copied = theatre.run("encord_to_storage", folder="into a folder", destination=str(tmp_path / "copies"))
    assert set(copied.states.values()) == {DONE}
    assert copied.returned("copy_items")["downloaded"] == 4
    lines = [json.loads(line) for line in (tmp_path / "copies" / "manifest.jsonl").read_text().splitlines()]
    assert {line["name"]: line["client_metadata"]["score"] for line in lines} == dict.fromkeys(names, 0.5)
    assert all((tmp_path / "copies" / line["path"]).stat().st_size == line["size"] for line in lines)


def test_a_synced_folder(theatre, bucket_url):
    run = theatre.run("encord_sync_folder", name="synced", remote_url=bucket_url)
    assert set(run.states.values()) == {DONE}
    assert (run.returned("sync")["done"], run.returned("sync")["failed"]) == (4, 0)
    assert run.returned("link_new")["linked"] == 4
    assert run.count("sync_start") == 1


def test_documents_of_a_kind_that_only_folders_take(theatre, tmp_path):
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).write_bytes(b"%PDF-1.4\n")
    run = theatre.run("encord_documents", name="documents", documents=tmp_path.as_uri())
    assert set(run.states.values()) == {DONE}
    assert run.returned("upload_documents")["added"] == 2
    assert len(theatre.rows("documents")) == 2
