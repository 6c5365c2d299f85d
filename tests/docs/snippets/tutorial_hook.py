from pathlib import Path

from airflow_provider_encord.hooks.encord import EncordHook


def tutorial(encord: EncordHook, folder: Path, manifest: dict) -> dict:
    created = encord.create_dataset("Cats", "CORD_STORAGE", "All of them")
    (found,) = encord.get_datasets(title_eq="Cats")
    dataset_hash = created.dataset_hash

    video = encord.upload_video(dataset_hash, folder / "clip.mp4")
    image = encord.upload_image(dataset_hash, folder / "a.png", title="a cat")
    groups = encord.create_image_group(dataset_hash, [folder / "a.png", folder / "b.png"], title="two cats")
    encord.create_dicom_series(dataset_hash, [folder / "1.dcm", folder / "2.dcm"], title="a scan")

    added = encord.add_private_data_to_dataset(dataset_hash, "AWS", manifest)
    job = encord.add_private_data_to_dataset_start(dataset_hash, "AWS", manifest)
    result = encord.add_private_data_to_dataset_get_result(dataset_hash, job)

    task = encord.re_encode_data(dataset_hash, [video.data_hash])
    task_status = encord.re_encode_data_status(dataset_hash, task).status

    copy = encord.create_dataset("Copy").dataset_hash
    encord.link_items(copy, [image.backing_item_uuid], "SKIP")

    (row,) = encord.list_data_rows(dataset_hash, data_types=["VIDEO"], title_like="clip%")
    row = encord.get_data_row(dataset_hash, row.data_hash, signed_url=True)
    encord.delete_data(dataset_hash, groups[0].data_hash)
    dataset = encord.get_dataset(dataset_hash)
    return {
        "dataset": (dataset.title, dataset.description, found.title),
        "rows": [each.data_title for each in dataset.data_rows],
        "video": (row.data_hash == video.data_hash, row.width, row.height, bool(row.signed_url)),
        "private": [each.title for each in added],
        "repeated": (result.status, result.done, len(result.items)),
        "re-encoding": task_status,
        "linked": [each.data_title for each in encord.list_data_rows(copy)],
    }
