"""Files as people have them: whatever their names are, they arrive; what is no file is named before the first byte."""

import os
import shutil

import pytest

from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator

ODD = ["a b.png", "a#b.png", "a%20b.png", "ü.png", "日本.png", "a?b.png", "a&b=c.png", "-a.png", "'a\".png", "a\nb.png"]


@pytest.fixture
def upload(dataset, context):
    return lambda paths: EncordUploadImageOperator(task_id="task", dataset_hash=dataset, file_paths=paths).execute(
        context
    )


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_any_name_arrives_as_it_is(name, upload, media, tmp_path, hook, dataset):
    shutil.copy(media / "a.png", tmp_path / name)
    upload([tmp_path / name])
    assert [row.data_title for row in hook.list_data_rows(dataset)] == [name]


def test_all_at_once_and_one_of_them_twice(upload, media, tmp_path, hook, dataset):
    for name in ODD:
        shutil.copy(media / "a.png", tmp_path / name)
    upload(path for path in [*(tmp_path / name for name in ODD), tmp_path / ODD[0]])
    assert sorted(row.data_title for row in hook.list_data_rows(dataset)) == sorted([*ODD, ODD[0]])


def test_a_name_that_is_no_text_is_refused_by_name(upload, media, tmp_path, asked):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    shutil.copy(media / "a.png", path)
    with pytest.raises(EncordInputError, match=r"xff|udcff"):
        upload([path])
    assert "presigned_urls" not in asked()


def test_each_file_that_is_none_is_named_before_the_first_request(upload, media, tmp_path, asked):
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    names = ["empty.png", "folder", "loop.png", "pipe.png", "missing.png", "folder/../missing.png"]
    with pytest.raises(EncordInputError, match="6 of 6 files") as refused:
        upload(tmp_path / name for name in names)
    assert [name for name in names if name not in str(refused.value)] == []
    assert asked() == []
