from datetime import datetime
from pathlib import Path

from airflow.sdk import dag, task

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadVideoOperator


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"folder": "/data/cameras"})
def cameras():
    @task
    def videos_by_camera(params):
        cameras = sorted(path for path in Path(params["folder"]).iterdir() if path.is_dir())
        return [
            {
                "file_paths": sorted(str(path) for path in camera.glob("*.mp4")),
                "client_metadata": {"camera": camera.name},
            }
            for camera in cameras
        ]

    create = EncordCreateDatasetOperator(task_id="create", title="Cameras", if_exists="skip")
    upload = EncordUploadVideoOperator.partial(
        task_id="upload",
        dataset_hash=create.output,
        pool="encord",
        deferrable=True,
    ).expand_kwargs(videos_by_camera())
    EncordReEncodeDataOperator(
        task_id="re_encode",
        dataset_hash=create.output,
        data_hashes=upload.output,
        deferrable=True,
    )


cameras()
