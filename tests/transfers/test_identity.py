"""What is in Encord already is known by where it comes from, and a content is registered once."""

import json
from types import SimpleNamespace

import boto3
import pytest

from airflow_provider_encord._storage import listing
from airflow_provider_encord.exceptions import EncordInputError, EncordNetworkError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators import _registration
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator


class TaskInstance:
    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0

    def xcom_push(self, key, value, **_):
        """What is pushed is of no interest here."""


class Store(dict):
    def set(self, key, value):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


@pytest.fixture(scope="module")
def new_client(s3_url):
    """Makes clients of the S3 from what was read once, which takes a second."""
    session = boto3.Session("x", "x", region_name="us-east-1")
    return lambda *_: session.client("s3", endpoint_url=s3_url)


@pytest.fixture
def put(new_client, request, monkeypatch):
    """Puts objects into two buckets."""
    monkeypatch.setattr(listing, "s3_client", new_client)
    client = new_client()
    names = [f"{number}-{abs(hash(request.node.name))}" for number in ("one", "two")]
    for name in names:
        client.create_bucket(Bucket=name)

    def put(*keys, body=b"x", bucket=0):
        for key in keys:
            client.put_object(Bucket=names[bucket], Key=key, Body=body)

    return SimpleNamespace(put=put, one=names[0], two=names[1], client=client)


@pytest.fixture(params=["dataset", "folder", "both"])
def place(request, hook, encord):
    return new_place(hook, request.param)


def new_place(hook, kind):
    if kind == "dataset":
        return {"dataset_hash": hook.create_dataset("d").dataset_hash}
    folder = {"folder_uuid": hook.create_folder("f").uuid}
    if kind == "folder":
        return folder
    return {**folder, "dataset_hash": hook.create_dataset("d", create_backing_folder=False).dataset_hash}


@pytest.fixture
def run(encord, put, tmp_path):
    def run(place, bucket=None, context=None, **given):
        given = {"integration": "AWS", "on_empty": "succeed", "poll_interval": 0.01, **place, **given}
        task = S3ToEncordOperator(
            task_id="transfer", prefix=f"s3://{bucket or put.one}/in/", details_path=str(tmp_path / "details"), **given
        )
        done = task.execute(context or {"ti": TaskInstance()})
        assert done["listed"] == sum([*done["left_out"].values(), done["present"], done["changed"], done["new"]])
        return done

    return run


@pytest.fixture
def details(tmp_path):
    return lambda outcome: [
        line for line in map(json.loads, (tmp_path / "details").read_text().splitlines()) if line["outcome"] == outcome
    ]


def here(hook, place):
    """The titles of what is in a place."""
    if "dataset_hash" in place:
        return sorted(row.data_title for row in hook.list_data_rows(place["dataset_hash"]))
    return sorted(item.name for item in hook.list_items(place["folder_uuid"]))


def items_in(hook, place):
    folder = place.get("folder_uuid") or hook.get_dataset(place["dataset_hash"]).backing_folder_uuid
    return hook.list_items(folder, order="createdAt")


def counts(done):
    return tuple(done[name] for name in ("present", "changed", "new", "added"))


def starts(encord):
    found = encord.requests("upload_job_start") + encord.requests("folder_job_start")
    return len(found)


# -- what is present -------------------------------------------------------------------------------------------------


def test_two_buckets_with_equal_keys_go_into_one_place(put, place, run, hook, encord):
    for bucket in (0, 1):
        put.put("in/a.mp4", "in/study/1.dcm", bucket=bucket)
    for bucket in (put.one, put.two):
        assert counts(run(place, bucket)) == (0, 0, 2, 2)
    assert here(hook, place) == ["in/a.mp4"] * 2 + ["in/study (DICOM)"] * 2
    before = starts(encord)
    for bucket in (put.one, put.two):
        assert counts(run(place, bucket)) == (2, 0, 0, 0)
    assert starts(encord) == before


@pytest.mark.parametrize(
    "form",
    [
        "s3://{bucket}/{key}",
        "https://{bucket}.s3.amazonaws.com/{key}",
        "https://{bucket}.s3.eu-west-1.amazonaws.com/{key}",
        "https://s3.eu-west-1.amazonaws.com/{bucket}/{key}",
    ],
)
def test_what_was_registered_by_hand_in_any_form_is_present(form, put, place, run, hook, encord):
    put.put("in/a.mp4", "in/%2B.mp4" if form.startswith("s3") else "in/ü b+.mp4")
    keys = ["in/a.mp4", "in/%2B.mp4" if form.startswith("s3") else "in/%C3%BC%20b%2b.mp4"]
    files = {"videos": [{"objectUrl": form.format(bucket=put.one, key=key), "title": "by hand"} for key in keys]}
    if "folder_uuid" in place:
        hook.add_private_data_to_folder(place["folder_uuid"], "AWS", files)
    else:
        hook.add_private_data_to_dataset(place["dataset_hash"], "AWS", files)
    before = starts(encord)
    done = run(place)
    assert (done["present"], done["new"], starts(encord)) == (2, 0, before)
    assert here(hook, place) == ["by hand"] * 2


def test_a_renamed_item_is_present(put, place, run, hook):
    put.put("in/a.mp4", "in/study/1.dcm")
    run(place)
    hook.update_items({item.uuid: {"name": "renamed"} for item in items_in(hook, place)})
    assert counts(run(place)) == (2, 0, 0, 0)


def test_what_left_the_dataset_is_registered_again(put, run, hook):
    """Although its item is still in the mirror folder, since another dataset holds it, too."""
    place, other = new_place(hook, "dataset"), new_place(hook, "both")
    put.put("in/a.mp4", "in/b.mp4")
    run(place)
    hook.link_items(other["dataset_hash"], [item.uuid for item in items_in(hook, place)])
    hook.delete_data(place["dataset_hash"], [hook.list_data_rows(place["dataset_hash"])[0].data_hash])
    done = run(place)
    assert (done["present"], done["new"]) == (1, 1)
    assert here(hook, place) == ["in/a.mp4", "in/b.mp4"]


def test_what_the_dataset_has_from_another_folder_is_present(put, run, hook):
    place, other = new_place(hook, "both"), new_place(hook, "folder")
    put.put("in/a.mp4", "in/study/1.dcm", "in/new.mp4")
    run(other, exclude="new.mp4")
    hook.link_items(place["dataset_hash"], [item.uuid for item in hook.list_items(other["folder_uuid"])])
    assert counts(run(place)) == (2, 0, 1, 1)


def test_a_title_counts_only_where_no_address_is_told_and_in_the_form_of_the_first_release(put, run, hook):
    place = new_place(hook, "dataset")
    put.put("in/a.mp4", "in/study/1.dcm", "in/other/1.dcm")
    files = {
        "videos": [{"objectUrl": "s3://elsewhere/in/a.mp4", "title": "in/a.mp4"}],
        "dicom_series": [
            {"title": "in/study (DICOM)", "objectUrl_0": f"s3://{put.one}/in/study/1.dcm"},
            {"title": "other", "objectUrl_0": "s3://elsewhere/in/other/1.dcm"},
        ],
    }
    hook.add_private_data_to_dataset(place["dataset_hash"], "AWS", files)
    done = run(place, title="{name}", group_title="{name}")
    assert counts(done) == (1, 0, 2, 2)
    assert here(hook, place) == ["a.mp4", "in/a.mp4", "in/study (DICOM)", "other", "other (DICOM)"]


# -- notes and titles ------------------------------------------------------------------------------------------------


def test_client_metadata_tells_where_each_item_comes_from(put, run, hook):
    put.put("in/a b.mp4", "in/scan.nii", "in/study/1.png", "in/study/2.png", body=b"12345")
    place = new_place(hook, "folder")
    run(place, group_images=True, client_metadata={"mine": 1})
    found = {item.name: item.client_metadata for item in hook.list_items(place["folder_uuid"])}
    etag = put.client.head_object(Bucket=put.one, Key="in/scan.nii")["ETag"].strip('"')
    url = f"https://{put.one}.s3.amazonaws.com/in/a%20b.mp4"
    assert found["in/a b.mp4"] == {"mine": 1, "airflow_source": {"url": url, "size": 5, "etag": etag}}
    note = {"url": f"s3://{put.one}/in/scan.nii", "size": 5, "etag": etag}
    assert found["in/scan.nii"] == {"mine": 1, "airflow_source": note}
    group = found["in/study"]["airflow_source"]
    assert group.pop("digest")
    assert group == {"url": f"s3://{put.one}/in/study/", "kind": "image_groups", "objects": 2}


def test_forms_of_titles(put, place, run, hook):
    put.put("in/deep/a.mp4", "in/study/1.dcm")
    run(place, title="{bucket}: {name} {{of {key}}}", group_title="{name} in {folder}")
    assert here(hook, place) == sorted([f"{put.one}: a.mp4 {{of in/deep/a.mp4}}", "study in in/study (DICOM)"])
    assert counts(run(place)) == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "form", "match"),
    [
        ("title", "{folder}", r"not \{folder\}"),
        ("title", "{key!r} {name:>3}", r"not \{key!r\}, \{name:>3\}"),
        ("title", "{key.upper}", r"not \{key.upper\}"),
        ("title", "{", "Only {key}, {name}, {bucket}"),
        ("title", "{}", r"not \{\}"),
        ("group_title", "{key}", r"not \{key\}"),
        ("client_metadata", {"airflow_source": {}}, "without 'airflow_source'"),
        ("on_changed", "replace", "report, register"),
    ],
)
def test_wrong_forms_are_refused_at_parse(name, form, match):
    given = {"dataset_hash": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "integration": "AWS", "prefix": "s3://b/"}
    with pytest.raises(EncordInputError, match=match):
        S3ToEncordOperator(task_id="transfer", **given, **{name: form})


def test_titles_of_several_items_are_told(put, place, run, hook, details, caplog, capsys):
    put.put("in/a/clip.mp4", "in/b/clip.mp4", "in/c/clip.mp4", "in/x.mp4", "in/a/x.mp4", "in/y.mp4")
    done = run(place, title="{name}")
    assert (done["added"], done["title_collisions"]) == (6, 2)
    assert details("title collision") == [
        {"outcome": "title collision", "title": "clip.mp4", "items": 3},
        {"outcome": "title collision", "title": "x.mp4", "items": 2},
    ]
    assert "2 titles are those of several items: 'clip.mp4' (3 items), 'x.mp4' (2 items)" in (
        caplog.text + capsys.readouterr().out
    )
    assert here(hook, place) == ["clip.mp4"] * 3 + ["x.mp4"] * 2 + ["y.mp4"]
    assert run(place)["title_collisions"] == 0


def test_an_object_and_a_group_may_share_a_title(put, place, run):
    put.put("in/study", "in/study-more.mp4", "in/study/1.png")
    done = run(place, kinds={"": "videos", "png": "images", "mp4": "videos"}, group_images=True)
    assert (done["added"], done["title_collisions"]) == (3, 1)


# -- what has changed ------------------------------------------------------------------------------------------------


def change(put):
    """Overwrite two objects, and let two groups grow."""
    put.put("in/a.mp4", "in/b.nii", body=b"y")
    put.put("in/study/3.dcm", "in/images/2.png")


@pytest.fixture
def filled(put, place, run):
    put.put("in/a.mp4", "in/b.nii", "in/same.mp4", "in/study/1.dcm", "in/study/2.dcm", "in/images/1.png")
    given = {"group_images": True, "kinds": {"mp4": "videos", "nii": "nifti", "dcm": "dicom_series", "png": "images"}}
    assert counts(run(place, **given)) == (0, 0, 6, 5)
    return given


def test_what_has_changed_is_counted(put, place, run, filled, hook, encord, details):
    change(put)
    before, titles = starts(encord), here(hook, place)
    done = run(place, **filled)
    assert (done["present"], done["changed"], done["new"], done["job_ids"]) == (1, 7, 0, [])
    assert (starts(encord), here(hook, place), details("superseded")) == (before, titles, [])


def test_what_has_changed_is_registered_once(put, place, run, filled, hook, encord, details):
    old = {item.name: item for item in items_in(hook, place)}
    change(put)
    put.put("in/new.mp4")
    done = run(place, on_changed="register", **filled)
    assert counts(done) == (1, 7, 1, 5)
    titles = ["in/a.mp4", "in/a.mp4", "in/b.nii", "in/b.nii", "in/images", "in/images (2)", "in/new.mp4"]
    assert here(hook, place) == [*titles, "in/same.mp4", "in/study (DICOM)", "in/study (DICOM) (2)"]
    told = {line["url"]: line["old"]["item_uuid"] for line in details("superseded")}
    names = {"in/a.mp4": "in/a.mp4", "in/b.nii": "in/b.nii", "in/images/": "in/images", "in/study/": "in/study (DICOM)"}
    assert told == {f"s3://{put.one}/{key}": old[name].uuid for key, name in names.items()}
    if "dataset_hash" in place:
        rows = {row.data_hash for row in hook.list_data_rows(place["dataset_hash"])}
        assert all(line["old"]["data_hash"] in rows for line in details("superseded"))
    before = starts(encord)
    assert counts(run(place, on_changed="register", **filled)) == (9, 0, 0, 0)
    assert counts(run(place, **filled)) == (9, 0, 0, 0)
    assert starts(encord) == before

    put.put("in/study/4.dcm")
    put.put("in/a.mp4")  # as it was first
    assert counts(run(place, on_changed="register", **filled))[1:] == (5, 0, 2)
    assert "in/study (DICOM) (3)" in here(hook, place)
    assert here(hook, place).count("in/a.mp4") == 3
    assert counts(run(place, on_changed="register", **filled))[1:] == (0, 0, 0)


def test_changed_objects_are_in_jobs_of_their_own(put, run, hook, monkeypatch):
    place = new_place(hook, "folder")
    put.put("in/a.mp4")
    run(place)
    put.put("in/a.mp4", body=b"y")
    put.put("in/b.mp4")
    sent = []
    start = EncordHook.start_folder_upload_job

    def noted(self, folder, **what):
        sent.append(what["files"])
        return start(self, folder, **what)

    monkeypatch.setattr(EncordHook, "start_folder_upload_job", noted)
    run(place, on_changed="register")
    told = [([video["title"] for video in files["videos"]], files["skip_duplicate_urls"]) for files in sent]
    assert told == [(["in/b.mp4"], True), (["in/a.mp4"], False)]


def test_of_an_unknown_content_nothing_has_changed(put, place, run, hook):
    """What the first release has registered, or somebody by hand."""
    put.put("in/a.mp4", "in/study/1.dcm")
    run(place)
    items = items_in(hook, place)
    hook.update_items({item.uuid: {"client_metadata": {}} for item in items}, merge_metadata=False)
    put.put("in/a.mp4", body=b"y")
    put.put("in/study/2.dcm")
    assert counts(run(place, on_changed="register")) == (3, 0, 0, 0)


def test_a_member_that_is_overwritten_or_gone_changes_its_group(put, run, hook):
    place = new_place(hook, "folder")
    put.put("in/one/1.dcm", "in/one/2.dcm", "in/two/1.dcm", "in/two/2.dcm", "in/three/1.dcm")
    run(place)
    put.put("in/one/1.dcm", body=b"y")
    put.client.delete_object(Bucket=put.one, Key="in/two/2.dcm")
    done = run(place)
    assert (done["present"], done["changed"], done["new"]) == (1, 3, 0)


def test_a_superseded_item_does_not_return_to_the_dataset(put, run, hook):
    place = new_place(hook, "both")
    put.put("in/a.mp4")
    run(place)
    [old] = hook.list_data_rows(place["dataset_hash"])
    put.put("in/a.mp4", body=b"y")
    run(place, on_changed="register")
    hook.delete_data(place["dataset_hash"], [old.data_hash])
    run(place, on_changed="register")
    [row] = hook.list_data_rows(place["dataset_hash"])
    assert row.backing_item_uuid != old.backing_item_uuid


@pytest.mark.parametrize("stored", [True, False], ids=["3.3", "before"])
@pytest.mark.parametrize("ends", ["between looks", "before"])
def test_a_changed_object_of_a_lost_job_is_not_registered_twice(
    ends, stored, put, place, run, hook, encord, monkeypatch
):
    """The answer to the start is lost, so nobody knows the job; it ends while the retry waits, or before it."""
    put.put("in/a.mp4", "in/b.mp4")
    run(place)
    put.put("in/a.mp4", "in/b.mp4", body=b"y")
    ti = TaskInstance()
    context = {"ti": ti, **({"task_state_store": Store()} if stored else {})}
    encord.settings(job_seconds=3600 if ends == "between looks" else 0)
    encord.fault("upload_job_start", drop="after")
    encord.fault("folder_job_start", drop="after")
    with pytest.raises(EncordNetworkError):
        run(place, context=context, on_changed="register")
    encord.clear_faults()
    encord.settings(job_seconds=0)
    sleeps = []

    def sleep(seconds):
        sleeps.append(seconds)
        for job in encord.state()["jobs"]:
            encord.force_job(job, status="DONE")

    monkeypatch.setattr(_registration.time, "sleep", sleep)
    ti.try_number = 2
    before = starts(encord)
    run(place, context=context, on_changed="register")
    assert starts(encord) == before
    assert bool(sleeps) is (ends == "between looks")
    assert here(hook, place) == ["in/a.mp4"] * 2 + ["in/b.mp4"] * 2


def test_a_cleared_task_registers_no_content_twice(put, place, run, hook):
    put.put("in/a.mp4")
    run(place)
    put.put("in/a.mp4", body=b"y")
    context = {"ti": TaskInstance(), "task_state_store": Store()}
    run(place, context=context, on_changed="register")
    context["ti"].try_number, context["ti"].max_tries = 2, 1
    run(place, context=context, on_changed="register")
    assert here(hook, place) == ["in/a.mp4"] * 2
