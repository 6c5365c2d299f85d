"""The dataset tutorial with Encord's client 0.1.145, the last one with dataset API keys: ``URL KEY_FILE MEDIA_FOLDER``.

Runs in a process of its own, because two releases of the client cannot be imported side by side.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from encord import EncordUserClient
from encord.client import EncordClientDataset
from encord.exceptions import AuthenticationError, OperationNotAllowed
from encord.orm.dataset import DatasetScope, StorageLocation

url, key_file, media = sys.argv[1:]
assert version("encord") == "0.1.145"
video, first, second = (str(Path(media) / name) for name in ("clip.mp4", "first.jpg", "second.jpg"))

user = EncordUserClient.create_with_ssh_private_key(Path(key_file).read_text(), domain=url)
dataset_hash = user.create_dataset("older", StorageLocation.CORD_STORAGE).dataset_hash
assert [each["dataset"].dataset_hash for each in user.get_datasets(title_eq="older")] == [dataset_hash]
assert [each.title for each in user.get_cloud_integrations()] == ["AWS", "GCP", "Azure"]
assert user.get_bearer_token()

both = [DatasetScope.READ, DatasetScope.WRITE]
reader = user.create_dataset_api_key(dataset_hash, "reader", [DatasetScope.READ])
master = user.get_or_create_dataset_api_key(dataset_hash)
assert set(master.scopes) == set(both)
assert user.get_or_create_dataset_api_key(dataset_hash).api_key == master.api_key
assert {each.api_key for each in user.get_dataset_api_keys(dataset_hash)} == {reader.api_key, master.api_key}

client = EncordClientDataset.initialise(dataset_hash, master.api_key, domain=url)
assert client.get_dataset().title == "older"
uploaded = client.upload_video(video)
assert client.upload_image(first)["title"] == "first.jpg"
assert len(client.create_image_group([first, second])) == 2
integration = next(each.id for each in client.get_cloud_integrations() if each.title == "GCP")
added = client.add_private_data_to_dataset(integration, {"videos": [{"objectUrl": "gs://bucket/private.mp4"}]})
assert [each.title for each in added.dataset_data_list] == ["private.mp4"]
assert len(client.list_data_rows()) == 5
assert [row.title for row in client.list_data_rows(title_like="clip%")] == ["clip.mp4"]
task = client.re_encode_data([uploaded["data_hash"]])
assert client.re_encode_data_status(task).status == "DONE"
client.delete_data([uploaded["data_hash"]])
assert len(client.list_data_rows()) == 4

limited = EncordClientDataset.initialise(dataset_hash, reader.api_key, domain=url)
assert len(limited.list_data_rows()) == 4
for refused, error in (
    (lambda: limited.delete_data([row.uid for row in limited.list_data_rows()]), OperationNotAllowed),
    (lambda: EncordClientDataset.initialise(dataset_hash, "no key", domain=url), AuthenticationError),
):
    try:
        refused()
    except error:
        continue
    raise AssertionError(f"no {error.__name__}")
assert len(limited.list_data_rows()) == 4
