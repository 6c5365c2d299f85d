"""The operator that re-encodes videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow.arguments import JobIds, check_hashes
from airflow_provider_encord._airflow.outcome import fits_xcom
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordJobError
from airflow_provider_encord.operators._base import EncordJobOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import ReEncodeWatch, Verdict
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger


class EncordReEncodeDataOperator(EncordJobOperator):
    """Re-encode videos, and wait until that is done.

    Returns ``{"dataset_hash", "job_id", "status", "re_encoded", "ignored"}``: the data hashes that were re-encoded and
    those that Encord ignored (None if they are too many for an XCom). Also pushed to XCom: ``job_id``, for
    :class:`airflow_provider_encord.sensors.encord.EncordReEncodeSensor`.

    .. seealso:: :ref:`howto/operator:EncordReEncodeDataOperator`

    :param dataset_hash: the dataset (templated).
    :param data_hashes: one hash or a list (templated). Encord ignores hashes of other datasets and of other kinds.
    :param ignore_if_missing: True lets hashes pass that Encord ignored.
    :raises EncordInputError: for None or an empty list.
    :raises EncordJobError: when the task failed, or Encord ignored hashes.
    """

    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash", "data_hashes")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data_hashes": "json"}

    def __init__(
        self, *, dataset_hash: str, data_hashes: Sequence[str] | str, ignore_if_missing: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(dataset_hash=dataset_hash, **kwargs)
        self.data_hashes = data_hashes
        self.ignore_if_missing = ignore_if_missing

    def start(self, context: Context, part: Any, memory: Memory) -> str | int:
        """Start the re-encode task; it is never started twice after an unclear answer."""
        hashes = check_hashes(self.data_hashes)
        memory.note_start()
        return self.hook.re_encode_data(self.dataset_hash, hashes)

    def watch(self, job_id: Any) -> ReEncodeWatch:
        """Return a re-encode task as something to wait for."""
        from airflow_provider_encord._client.jobs import ReEncodeWatch

        return ReEncodeWatch(self.dataset_hash, job_id)

    def trigger(self, **kwargs: Any) -> EncordReEncodeTrigger:
        """Return the trigger that waits for the re-encode task."""
        from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger

        return EncordReEncodeTrigger(**kwargs)

    def finish(self, context: Context, job_ids: JobIds, verdicts: Iterable[Verdict]) -> dict[str, Any]:
        """Report which videos were re-encoded and which Encord ignored."""
        from airflow_provider_encord._airflow.outcome import require_done

        [job_id], [verdict] = job_ids, verdicts
        require_done(verdict, self.dataset_hash)
        re_encoded = [video.data_hash for video in verdict.answer.videos]
        ignored = [each for each in check_hashes(self.data_hashes) if each not in set(re_encoded)]
        if ignored and not self.ignore_if_missing:
            raise EncordJobError(
                f"Dataset {self.dataset_hash}: re-encode task {job_id} is done, but Encord ignored {len(ignored)} data "
                f"hashes (not videos of this dataset?): {', '.join(ignored[:20])}.",
                dataset_hash=self.dataset_hash,
            )
        return {
            "dataset_hash": self.dataset_hash,
            "job_id": job_id,
            "status": verdict.status,
            "re_encoded": re_encoded if fits_xcom(re_encoded) else None,
            "ignored": ignored if fits_xcom(ignored) else None,
        }
