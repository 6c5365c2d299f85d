from airflow.sdk import task


@task
def upload_folder(dataset_hash: str, folder: str) -> list[str]:
    from pathlib import Path

    from airflow_provider_encord.hooks.encord import EncordHook

    images = sorted(Path(folder).glob("*.png"))
    return [item.data_hash for item in EncordHook().upload_images(dataset_hash, images)]
