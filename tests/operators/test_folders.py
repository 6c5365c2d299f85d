"""Making storage folders, and syncing them with their bucket."""

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from airflow_provider_encord.exceptions import EncordAlreadyExistsError, EncordInputError, EncordNetworkError
from airflow_provider_encord.operators import _creation
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator, FolderCreation

NOBODY = "00000000-0000-0000-0000-000000000000"


def create(context, name, **arguments):
    """Run a task instance of its own."""
    fresh = {**context, "task_state_store": type(context["task_state_store"])()}
    return EncordCreateFolderOperator(task_id="task", name=name, **arguments).execute(fresh)


def named(hook, name):
    return [folder.uuid for folder in hook.iter_folders(search=name) if folder.name == name]


# -- create ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pause")
class TestCreate:
    @pytest.mark.parametrize("if_exists", ["fail", "skip", "create"])
    def test_a_new_name_makes_a_folder(self, if_exists, context, xcoms, asked, hook):
        made = create(context, f"new {if_exists}", if_exists=if_exists, description="d", client_metadata={"a": 1})
        assert xcoms == {"folder_uuid": made, "created": True}
        assert asked().count("create_folder") == 1
        folder = hook.get_folder(made)
        assert (folder.description, folder.client_metadata, folder.parent) == ("d", {"a": 1}, None)

    def test_fail_names_the_folder_that_is_there(self, context, asked):
        made = create(context, "taken once")
        with pytest.raises(EncordAlreadyExistsError, match=made):
            create(context, "taken once")
        assert asked().count("create_folder") == 1

    def test_skip_takes_the_oldest(self, context, xcoms, asked):
        first, second = (create(context, "taken twice", if_exists="create") for _ in range(2))
        assert first != second
        assert create(context, "taken twice", if_exists="skip") == first
        assert xcoms == {"folder_uuid": first, "created": False}
        assert asked().count("create_folder") == 2

    def test_only_the_same_name_in_the_same_folder_counts(self, context, hook):
        mirror = hook.create_dataset("nightly").backing_folder_uuid
        other = create(context, "nightly 2")
        top = create(context, "nightly")
        below = create(context, "nightly", parent_folder=top)
        assert len({mirror, other, top, below}) == 4
        assert hook.get_folder(below).parent == top
        assert create(context, "nightly", parent_folder=top, if_exists="skip") == below
        assert create(context, "nightly", if_exists="skip") == top

    @pytest.mark.parametrize("if_exists", ["fail", "skip", "create"])
    @pytest.mark.parametrize("drop", ["before", "after"])
    def test_a_retry_takes_the_folder_that_a_lost_answer_told_of(self, drop, if_exists, context, xcoms, encord, hook):
        name = f"lost {drop} {if_exists}"
        if if_exists == "create":
            hook.create_folder(name)
        there = len(named(hook, name))
        operator = EncordCreateFolderOperator(task_id="task", name=name, if_exists=if_exists)
        encord.fault("create_folder", drop=drop)
        with pytest.raises(EncordNetworkError):
            operator.execute(context)
        made = operator.execute(context)
        assert operator.execute(context) == made == xcoms["folder_uuid"]
        assert xcoms["created"] is True
        assert len(named(hook, name)) == there + 1

    def test_a_cloud_synced_folder(self, context, encord, hook):
        synced = {"integration": "AWS", "remote_url": "s3://bucket/incoming"}
        made = create(context, "cloud-synced", **synced)
        assert hook.get_folder(made).remote_url == "s3://bucket/incoming/"
        assert create(context, "cloud-synced", **synced, if_exists="skip") == made
        for other in ({**synced, "remote_url": "s3://bucket/other/"}, {}):
            with pytest.raises(EncordAlreadyExistsError, match=f"{made}.*is synced with 's3://bucket/incoming/'"):
                create(context, "cloud-synced", **other, if_exists="skip")
        plain = create(context, "plain")
        with pytest.raises(EncordAlreadyExistsError, match=f"{plain}.*is not synced"):
            create(context, "plain", **synced, if_exists="skip")

    @pytest.mark.parametrize("given", [{"integration": "AWS"}, {"remote_url": "s3://bucket/"}], ids=str)
    def test_half_a_cloud_synced_folder_is_refused(self, given):
        with pytest.raises(EncordInputError, match="both integration and remote_url"):
            EncordCreateFolderOperator(task_id="task", name="n", **given)


def test_two_that_have_both_made_one_take_the_same(context, hook, monkeypatch):
    both = threading.Barrier(2, timeout=30)
    make = FolderCreation.make

    def make_when_both_have_found_none(self):
        both.wait()
        return make(self)

    def run(_):
        fresh = {"ti": type(context["ti"])(), "task_state_store": type(context["task_state_store"])()}
        task = EncordCreateFolderOperator(task_id="task", name="made twice", if_exists="skip")
        # Airflow 2.11 wraps it in what works on the main thread only.
        return inspect.unwrap(EncordCreateFolderOperator.execute)(task, fresh), fresh["ti"].xcoms["created"]

    monkeypatch.setattr(FolderCreation, "make", make_when_both_have_found_none)
    monkeypatch.setattr(_creation, "time", SimpleNamespace(sleep=lambda seconds: both.wait()))
    with ThreadPoolExecutor(2) as threads:
        taken = list(threads.map(run, range(2)))
    assert len(named(hook, "made twice")) == 2
    assert len({made for made, _ in taken}) == 1
    assert sorted(created for _, created in taken) == [False, True]
