from pathlib import Path
from uuid import UUID

from encord import EncordUserClient
from encord.constants.enums import DataType
from encord.orm.dataset import DataLinkDuplicatesBehavior, StorageLocation


def tutorial(user: EncordUserClient, folder: Path, manifest: dict) -> dict:
    created = user.create_dataset("Cats", StorageLocation.CORD_STORAGE, "All of them")
    (found,) = user.get_datasets(title_eq="Cats")
    dataset = user.get_dataset(created.dataset_hash)

    video = dataset.upload_video(folder / "clip.mp4")
    dataset.upload_image(folder / "a.png", title="a cat")
    groups = dataset.create_image_group([folder / "a.png", folder / "b.png"], title="two cats")
    dataset.create_dicom_series([folder / "1.dcm", folder / "2.dcm"], title="a scan")

    (integration,) = user.get_cloud_integrations(filter_integration_titles=["AWS"])
    added = dataset.add_private_data_to_dataset(integration.id, manifest)
    job = dataset.add_private_data_to_dataset_start(integration.id, {**manifest, "skip_duplicate_urls": True})
    result = dataset.add_private_data_to_dataset_get_result(job)

    task = dataset.re_encode_data([video["data_hash"]])
    task_status = dataset.re_encode_data_status(task).status

    copy = user.get_dataset(user.create_dataset("Copy", StorageLocation.CORD_STORAGE).dataset_hash)
    (image,) = dataset.list_data_rows(title_eq="a cat")
    copy.link_items([UUID(str(image.backing_item_uuid))], DataLinkDuplicatesBehavior.SKIP)

    (row,) = dataset.list_data_rows(data_types=[DataType.VIDEO], title_like="clip%")
    row.refetch_data(signed_url=True)
    dataset.delete_data(groups[0]["data_hash"])
    dataset.refetch_data()
    return {
        "dataset": (dataset.title, dataset.description, found["dataset"].title),
        "rows": [each.title for each in dataset.data_rows],
        "video": (row.uid == video["data_hash"], row.width, row.height, bool(row.signed_url)),
        "private": [each.title for each in added.dataset_data_list],
        "repeated": (result.status.value, result.units_done_count, len(result.data_hashes_with_titles)),
        "re-encoding": task_status,
        "linked": [each.title for each in copy.list_data_rows()],
    }
