"""Making, finding and emptying datasets."""

from datetime import timedelta

import pytest

from airflow_provider_encord.exceptions import (
    EncordAlreadyExistsError,
    EncordInputError,
    EncordNetworkError,
    EncordNotFoundError,
)
from airflow_provider_encord.operators.datasets import (
    DatasetCreation,
    EncordCreateDatasetOperator,
    EncordDeleteDataOperator,
    EncordListDatasetsOperator,
)

NOBODY = "00000000-0000-0000-0000-000000000000"
pytestmark = pytest.mark.usefixtures("no_pause")


def create(context, title, **arguments):
    """Run a task instance of its own."""
    fresh = {**context, "task_state_store": type(context["task_state_store"])()}
    return EncordCreateDatasetOperator(task_id="task", title=title, **arguments).execute(fresh)


# -- create ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("if_exists", ["fail", "skip", "create"])
def test_a_new_title_makes_a_dataset(if_exists, context, xcoms, asked, encord):
    made = create(context, f"new {if_exists}", if_exists=if_exists)
    assert (xcoms["dataset_hash"], xcoms["created"]) == (made, True)
    assert xcoms["backing_folder_uuid"]
    assert xcoms["encord_dataset_url"] == f"{encord.url}/datasets/view/{made}"
    assert asked().count("create_dataset") == 1


def test_without_a_mirror_folder(context, xcoms, encord):
    create(context, "without a folder", create_backing_folder=False)
    assert "backing_folder_uuid" not in xcoms


def test_fail_names_the_dataset_that_is_there(context, asked, encord):
    made = create(context, "taken once")
    with pytest.raises(EncordAlreadyExistsError, match=made):
        create(context, "taken once")
    assert asked().count("create_dataset") == 1


def test_skip_takes_the_oldest(context, xcoms, asked, encord):
    first, second = (create(context, "taken twice", if_exists="create") for _ in range(2))
    assert first != second
    assert create(context, "taken twice", if_exists="skip") == first
    assert (xcoms["dataset_hash"], xcoms["created"]) == (first, False)
    assert asked().count("create_dataset") == 2


def test_skip_is_not_misled_by_a_title_that_only_looks_alike(context, encord):
    other = create(context, "alike 100")
    assert create(context, "alike 10_", if_exists="skip") != other


@pytest.mark.parametrize("if_exists", ["fail", "skip", "create"])
def test_a_conflict_that_nothing_explains_is_an_error(if_exists, context, encord):
    encord.fault("create_dataset", status=409, body={"message": "exists"})
    with pytest.raises(EncordAlreadyExistsError):
        create(context, f"conflict {if_exists}", if_exists=if_exists)


def test_skip_takes_the_dataset_of_whoever_was_faster(context, xcoms, encord, hook, monkeypatch):
    """Found by nobody before, there after Encord said 409."""
    faster = hook.create_dataset("race").dataset_hash
    operator = EncordCreateDatasetOperator(task_id="task", title="race", if_exists="skip")
    find, looks = DatasetCreation.same_name, iter([lambda creation: []])
    monkeypatch.setattr(DatasetCreation, "same_name", lambda self: next(looks, find)(self))
    encord.fault("create_dataset", status=409, body={"message": "exists"})
    assert operator.execute(context) == faster
    assert xcoms["created"] is False


def test_a_start_whose_answer_is_lost_is_not_repeated(context, asked, encord):
    encord.fault("create_dataset", drop="after")
    with pytest.raises(Exception, match="create"):
        create(context, "lost")
    assert asked().count("create_dataset") == 1


@pytest.mark.parametrize("if_exists", ["fail", "skip", "create"])
@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_retry_takes_the_dataset_that_a_lost_answer_told_of(drop, if_exists, context, xcoms, encord, hook):
    title = f"lost {drop} {if_exists}"
    if if_exists == "create":
        hook.create_dataset(title)
    there = len(hook.get_datasets(title_eq=title))
    operator = EncordCreateDatasetOperator(task_id="task", title=title, if_exists=if_exists)
    encord.fault("create_dataset", drop=drop)
    with pytest.raises(EncordNetworkError):
        operator.execute(context)
    made = operator.execute(context)
    assert operator.execute(context) == made == xcoms["dataset_hash"]
    assert xcoms["created"] is True
    assert len(hook.get_datasets(title_eq=title)) == there + 1


def test_what_is_not_durable_makes_another_one(context, encord, hook):
    operator = EncordCreateDatasetOperator(task_id="task", title="not durable", if_exists="create", durable=False)
    assert len({operator.execute(context) for _ in range(2)}) == 2


# -- list ------------------------------------------------------------------------------------------------------------


def test_list(context, xcoms, hook, encord, tmp_path):
    made = [hook.create_dataset(f"listed {number}").dataset_hash for number in range(2)]
    found = EncordListDatasetsOperator(
        task_id="task", title_like="listed %", details_path=str(tmp_path / "new" / "details.jsonl")
    ).execute(context)
    assert found["count"] == 2
    assert [item["dataset_hash"] for item in found["items"]] == made == xcoms["dataset_hashes"]
    assert len((tmp_path / "new" / "details.jsonl").read_text().splitlines()) == 2


def test_list_finds_nothing(context, xcoms, encord):
    found = EncordListDatasetsOperator(task_id="task", title_eq="nowhere").execute(context)
    assert found == {"count": 0, "items": [], "details": None, "details_conn_id": None}
    assert xcoms["dataset_hashes"] == []


# -- delete ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(hook, dataset, encord, media, manifest):
    """A dataset with an uploaded image and three videos of a bucket; the hash of each title."""
    hook.upload_image(dataset, media / "a.png")
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(3))
    encord.clear_requests()
    return {row.data_title: row.data_hash for row in hook.list_data_rows(dataset)}


def delete(context, dataset, **arguments):
    arguments = {"on_empty": "succeed", **arguments}
    return EncordDeleteDataOperator(task_id="task", dataset_hash=dataset, **arguments).execute(context)


@pytest.mark.parametrize(
    ("arguments", "titles"),
    [
        ({"title_like": "%.mp4"}, ["0.mp4", "1.mp4", "2.mp4"]),
        ({"title_like": "1.%"}, ["1.mp4"]),
        ({"created_before": "2099-01-01"}, ["0.mp4", "1.mp4", "2.mp4", "a.png"]),
        ({"older_than": timedelta(days=1)}, []),
        ({"title_like": "a.png", "older_than": timedelta(days=1)}, []),
        ({"title_like": "nothing"}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_by_filter(arguments, titles, dry_run, filled, dataset, context, hook, asked):
    titles = set(titles)
    done = delete(context, dataset, **arguments, dry_run=dry_run)
    assert {item["data_title"] for item in done["items"]} == titles
    assert done["deleted"] == (0 if dry_run else len(titles))
    assert (done["destroyed"], done["unlinked"]) == (len(titles & {"a.png"}), len(titles - {"a.png"}))
    assert asked().count("delete_data") == (0 if dry_run or not titles else 1)
    left = {row.data_title for row in hook.list_data_rows(dataset)}
    assert left == filled.keys() - (set() if dry_run else titles)


def test_by_hash(filled, dataset, context, hook):
    wanted = [filled["1.mp4"], NOBODY, filled["1.mp4"]]
    done = delete(context, dataset, data_hashes=wanted)
    assert (done["deleted"], done["missing"]) == (1, [NOBODY])
    assert filled["1.mp4"] not in {row.data_hash for row in hook.list_data_rows(dataset)}


def test_one_hash_as_text(filled, dataset, context):
    assert delete(context, dataset, data_hashes=filled["a.png"])["destroyed"] == 1


def test_a_missing_hash_is_an_error_if_it_must_be_there(filled, dataset, context, asked):
    with pytest.raises(EncordNotFoundError, match=NOBODY):
        delete(context, dataset, data_hashes=[filled["1.mp4"], NOBODY], ignore_if_missing=False)
    assert "delete_data" not in asked()


@pytest.mark.parametrize("arguments", [{"title_like": "%"}, {"data_hashes": "all"}], ids=str)
def test_more_than_allowed_deletes_nothing(arguments, filled, dataset, context, asked):
    if "data_hashes" in arguments:
        arguments = {"data_hashes": list(filled.values())}
    with pytest.raises(EncordInputError, match="max_deletions=3"):
        delete(context, dataset, **arguments, max_deletions=3)
    assert "delete_data" not in asked()


def test_a_filter_is_limited_even_if_nobody_says_so(dataset, context, hook, encord, manifest, asked):
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(101))
    with pytest.raises(EncordInputError, match="max_deletions=100"):
        delete(context, dataset, title_like="%")
    assert "delete_data" not in asked()


def test_a_dataset_that_is_not_there(context, encord):
    with pytest.raises(EncordNotFoundError):
        delete(context, NOBODY, data_hashes=[NOBODY])
