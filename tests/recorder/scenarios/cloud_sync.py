"""Cloud-synced folders: start a sync, wait for it, sidecar files with metadata."""

from uuid import UUID

from tests.recorder.answers import sync_job
from tests.recorder.ids import JOB
from tests.recorder.scenario import Client, Scenario
from tests.recorder.wire import answer, nothing

_PENDING = sync_job("pending", scanPagesProcessingPending=1, uploadJobsUnitsPending=3)
_POLL = "cloud sync: result"


def _result(client: Client) -> object:
    return client.folder.sync_private_data_with_cloud_synced_folder_get_result(UUID(JOB))


SCENARIOS = {
    "cloud_sync_start": Scenario(
        lambda client: client.folder.sync_private_data_with_cloud_synced_folder_start(),
        "cloud sync: start",
        "sync_private_data_with_cloud_synced_folder_start() of a folder",
        [answer(JOB)],
        "A POST without a body.",
    ),
    "cloud_sync_start_http_409": Scenario(
        lambda client: client.folder.sync_private_data_with_cloud_synced_folder_start(),
        "cloud sync: start",
        "sync_private_data_with_cloud_synced_folder_start(); HTTP 409",
        [answer({"message": "text from the stub"}, 409)],
    ),
    "cloud_sync_start_http_500": Scenario(
        lambda client: client.folder.sync_private_data_with_cloud_synced_folder_start(),
        "cloud sync: start",
        "sync_private_data_with_cloud_synced_folder_start(); HTTP 500: not retried",
        [answer({"message": "text from the stub"}, 500)],
    ),
    "cloud_sync_done": Scenario(
        _result,
        _POLL,
        "get_result(job) with the default limit of 7 days; pending, then done",
        [_PENDING, sync_job("done", scanPagesProcessingDone=1, uploadJobsDone=1, uploadJobsUnitsDone=3)],
        "The client sends its whole limit each time, and does not sleep between polls.",
    ),
    "cloud_sync_unit_errors": Scenario(
        _result,
        _POLL,
        "get_result of a sync that is done with a failed unit",
        [sync_job("done", scanPagesProcessingDone=1, uploadJobsDone=1, uploadJobsUnitsDone=2, uploadJobsUnitsError=1)],
    ),
    "cloud_sync_error": Scenario(
        _result, _POLL, "get_result of a failed sync", [sync_job("error", scanPagesProcessingError=1)]
    ),
    "cloud_sync_cancelled": Scenario(
        _result,
        _POLL,
        "get_result of a cancelled sync",
        [sync_job("cancelled", scanPagesProcessingCancelled=1, uploadJobsUnitsCancelled=2)],
    ),
    "cloud_sync_timeout": Scenario(
        lambda client: client.folder.sync_private_data_with_cloud_synced_folder_get_result(UUID(JOB), 100),
        _POLL,
        "get_result(job, timeout_seconds=100); the server holds each request for 60 s",
        [_PENDING, _PENDING],
        "The last pending answer is returned, nothing is raised.",
        held=(60, 60),
    ),
    "cloud_sync_upper_case_status": Scenario(
        _result, _POLL, "get_result; the status comes in upper case", [sync_job("DONE")], "The client refuses it."
    ),
    "cloud_sync_config": Scenario(
        lambda client: client.folder.get_folder_config(),
        "cloud sync: configuration",
        "get_folder_config() of a folder that has none",
        [answer({"metadataIngestion": None})],
    ),
    "cloud_sync_enable_metadata_ingestion": Scenario(
        lambda client: client.folder.enable_metadata_ingestion(),
        "cloud sync: configuration",
        "enable_metadata_ingestion() of a folder whose configuration has a key that the client does not know",
        [answer({"metadataIngestion": None, "somethingNew": {"a": 1}}), nothing(204)],
        "Unknown keys are sent back.",
    ),
}
