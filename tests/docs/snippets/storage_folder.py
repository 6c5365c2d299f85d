from airflow.sdk import task


@task
def add_to_folder(folder_uuid: str, dataset_hash: str, paths: list[str]) -> int:
    from airflow_provider_encord.hooks.encord import EncordHook

    encord = EncordHook()
    encord.upload_files_to_folder(folder_uuid, "image", paths, client_metadata={"site": "A"})
    unused = [item.uuid for item in encord.iter_items(folder_uuid, is_in_dataset=False) if not item.is_placeholder]
    encord.update_items({uuid: {"client_metadata": {"batch": 7}} for uuid in unused})
    return len(encord.link_items(dataset_hash, unused)) if unused else 0
