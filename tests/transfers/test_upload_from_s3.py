"""Uploads straight from a bucket, whatever the keys are."""

import io

from PIL import Image

from airflow_provider_encord._compat import ObjectStoragePath
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.data_rows import EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

KEYS = ["a b.png", "a#b.png", "a%20b.png", "ü.png", "a?b.png", "a+b.png", "x/../y.png"]


class TaskInstance:
    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0

    def xcom_push(self, **_):
        """Nobody reads it."""


def test_any_key_arrives(bucket, dataset, encord):
    put, name = bucket
    image = io.BytesIO()
    Image.new("RGB", (4, 4)).save(image, "PNG")
    put(*(f"in/{key}" for key in KEYS), body=image.getvalue())
    EncordUploadImageOperator(
        task_id="task",
        dataset_hash=dataset,
        file_paths=[f"s3://{name}/in/{key}" for key in KEYS],
        source_conn_id="aws_default",
    ).execute({"ti": TaskInstance()})
    rows = EncordHook().list_data_rows(dataset)
    assert sorted(row.data_title for row in rows) == sorted(key.rpartition("/")[2] for key in KEYS)


def test_airflows_paths_bring_their_connection(bucket, dataset):
    put, name = bucket
    image = io.BytesIO()
    Image.new("RGB", (4, 4)).save(image, "PNG")
    put("in/a.png", body=image.getvalue())
    put("manifest.json", body=b'{"videos": [{"objectUrl": "s3://bucket/a.mp4"}]}')
    root = ObjectStoragePath(f"s3://{name}/", conn_id="aws_default")
    common = {"task_id": "task", "dataset_hash": dataset}
    tasks = [
        EncordUploadImageOperator(**common, file_paths=root / "in" / "a.png"),
        EncordUploadImageOperator(**common, file_paths=[root / "in/a.png"]),
        EncordAddPrivateDataOperator(**common, integration="AWS", manifest=root / "manifest.json"),
        BucketToEncordOperator(**common, integration="AWS", prefix=root / "in"),
        S3ToEncordOperator(**common, integration="AWS", prefix=root / "in", aws_conn_id=None, on_empty="succeed"),
    ]
    assert [task.execute({"ti": TaskInstance()})["added"] for task in tasks] == [1, 1, 1, 1, 0]
    details = root / "details.jsonl"
    EncordListDataRowsOperator(**common, details_path=details).execute({"ti": TaskInstance()})
    reference = {"count": 4, "details_path": str(details), "details_conn_id": "aws_default"}
    deleted = EncordDeleteDataOperator(**common, data_hashes=reference, dry_run=True).execute({"ti": TaskInstance()})
    assert deleted["destroyed"] + deleted["unlinked"] == 4
    report = EncordListDataRowsOperator(
        **common, details_path=f"s3://{name}/again.jsonl", details_conn_id="aws_default"
    ).execute({"ti": TaskInstance()})
    deleted = EncordDeleteDataOperator(**common, data_hashes={**report, "items": None}).execute({"ti": TaskInstance()})
    assert deleted["deleted"] == 4
