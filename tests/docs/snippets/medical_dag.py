from datetime import datetime
from pathlib import Path

from airflow.sdk import dag, task

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.operators.uploads import EncordCreateDicomSeriesOperator, EncordUploadFilesOperator


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"studies": "/data/studies"})
def studies():
    @task
    def find_series(params):
        folders = sorted({path.parent for path in Path(params["studies"]).rglob("*.dcm")})
        return [
            {
                "title": str(folder.relative_to(params["studies"])),
                "file_paths": sorted(str(path) for path in folder.glob("*.dcm")),
                "client_metadata": {"study": folder.name},
            }
            for folder in folders
        ]

    @task
    def find_volumes(params):
        return sorted(str(path) for path in Path(params["studies"]).rglob("*.nii.gz"))

    folder = EncordCreateFolderOperator(task_id="folder", name="Studies", if_exists="skip").output
    dataset = EncordCreateDatasetOperator(
        task_id="dataset", title="Studies", if_exists="skip", create_backing_folder=False
    ).output
    EncordCreateDicomSeriesOperator.partial(
        task_id="series",
        folder_uuid=folder,
        dataset_hash=dataset,
        deferrable=True,
    ).expand_kwargs(find_series())
    EncordUploadFilesOperator(
        task_id="volumes",
        kind="nifti",
        folder_uuid=folder,
        dataset_hash=dataset,
        file_paths=find_volumes(),
        deferrable=True,
    )


studies()
