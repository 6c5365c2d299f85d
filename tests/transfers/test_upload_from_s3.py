"""Uploads straight from a bucket, whatever the keys are."""

import io

from PIL import Image

from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator

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
