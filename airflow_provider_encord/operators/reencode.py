"""The operator that re-encodes videos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments, references
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.choice import check_choice, chosen, filters_given
from airflow_provider_encord._airflow.job_run import Work
from airflow_provider_encord._airflow.outcome import NOTHING_NEW, list_or_reference, require_done
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordJobError
from airflow_provider_encord.operators._base import EncordJobOperator

if TYPE_CHECKING:
    from airflow_provider_encord._airflow.arguments import JobIds
    from airflow_provider_encord._client.jobs import ReEncodeWatch, Verdict
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord.hooks.encord import EncordHook
    from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger

MAX_VIDEOS_PER_JOB = 1000


class EncordReEncodeDataOperator(EncordJobOperator):
    """Re-encode videos, and wait until that is done.

    Returns ``{"dataset_hash", "job_id", "job_ids", "status", "re_encoded", "ignored", "batches"}``: the first
    re-encode task and all of them; the data hashes that were re-encoded and those that Encord ignored, each as a list,
    or ``{"count", "details_path", "details_conn_id"}`` if there are too many for an XCom; and for each batch
    ``{"job_id", "status", "re_encoded", "ignored"}``, the last two as counts. Also pushes the XComs ``job_ids`` and
    ``job_id``, for :class:`airflow_provider_encord.sensors.encord.EncordReEncodeSensor`.

    .. seealso:: :ref:`howto/operator:EncordReEncodeDataOperator`

    :param dataset_hash: the dataset: its hash, or the report of a task that names it (templated).
    :param data_hashes: one hash, a list, or the output of a task that found or added data (templated). Encord ignores
        hashes of other datasets and of data other than videos.
    :param title_like: instead of hashes: SQL pattern of titles, such as ``night-%`` (templated).
    :param created_before: instead of hashes: ISO 8601 string or datetime; UTC if it has no time zone (templated).
    :param older_than: instead of ``created_before``: timedelta before now.
    :param ignore_if_missing: with True, the task succeeds although Encord ignored hashes.
    :param max_items_per_job: more videos are split into several re-encode tasks.
    :raises EncordInputError: for None, or a value that is not a data hash, before the first request.
    :raises EncordJobError: when a task failed, or Encord ignored hashes.
    """

    custom_operator_name = "Re-encode Encord videos"
    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash", "data_hashes", "title_like", "created_before")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data_hashes": "json"}
    checks: ClassVar[dict[str, Check]] = {
        **EncordJobOperator.checks,
        "dataset_hash": arguments.dataset_hash,
        "title_like": arguments.optional(arguments.pattern),
        "created_before": arguments.optional(arguments.moment),
        "older_than": arguments.optional(arguments.age),
        "ignore_if_missing": arguments.flag,
        "max_items_per_job": arguments.whole_number(),
    }
    list_checks: ClassVar[dict[str, Check]] = {"data_hashes": arguments.optional(references.data_hashes)}

    def __init__(
        self,
        *,
        dataset_hash: str,
        data_hashes: Any = None,
        title_like: str | None = None,
        created_before: str | datetime | None = None,
        older_than: timedelta | None = None,
        ignore_if_missing: bool = False,
        max_items_per_job: int = MAX_VIDEOS_PER_JOB,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.data_hashes = data_hashes
        self.title_like = title_like
        self.created_before = created_before
        self.older_than = older_than
        self.ignore_if_missing = ignore_if_missing
        self.max_items_per_job = max_items_per_job
        self._by_filter = filters_given(self)
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the re-encode tasks, or recall those of earlier attempts, and wait."""
        from_file = references.names_a_file(self.data_hashes)
        self.check_rendered()
        return self.run_jobs(context, ReEncoding(self, self.data_hashes, from_file=from_file))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        from_file = references.names_a_file(self.data_hashes)
        if from_file:
            self.data_hashes = []  # the file may be gone, or hold something else by now
        self.check_rendered()
        hashes = None if from_file else self.data_hashes
        return self.resume_jobs(context, ReEncoding(self, hashes, from_file=from_file), event)

    def check_together(self) -> None:
        """Check that either hashes or filters are given."""
        check_choice(self, by_filter=self._by_filter)


class ReEncoding(Work):
    """Videos to re-encode, in batches; each batch is one re-encode task of Encord.

    :param hashes: of the videos; None if a filter chooses them, or only the task store knows them.
    :param from_file: whether a file names them, which may change.
    """

    hook: EncordHook
    dataset_hash: str

    def __init__(self, task: EncordReEncodeDataOperator, hashes: list[str] | None, *, from_file: bool) -> None:
        super().__init__(task.hook, task.dataset_hash)
        self._task = task
        self._wanted = hashes
        self._from_file = from_file

    def identity(self) -> Mapping[str, Any]:
        """Return how the videos are chosen and split."""
        names = ("encord_conn_id", "dataset_hash", "data_hashes", "title_like", "created_before", "older_than")
        return {name: getattr(self._task, name) for name in (*names, "max_items_per_job")}

    def batches(self, memory: Memory) -> Iterator[list[str]]:
        """Yield the hashes of each batch."""
        wanted = self._find(memory)
        for at in range(-(-len(wanted) // self._task.max_items_per_job)):
            yield self._batch(wanted, at)

    def start(self, batch: list[str], memory: Memory) -> str | int:
        """Start one batch; the request is not repeated after an unclear answer."""
        memory.note_start()
        return self.hook.re_encode_data(self.dataset_hash, batch)

    def watch(self, job_id: Any) -> ReEncodeWatch:
        """Return how to wait for a re-encode task."""
        from airflow_provider_encord._client.jobs import ReEncodeWatch

        return ReEncodeWatch(self.dataset_hash, job_id)

    def trigger(self, job_ids: JobIds, deadline: float | None) -> EncordReEncodeTrigger:
        """Return the trigger that waits for the re-encode tasks."""
        from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger

        return EncordReEncodeTrigger(dataset_hash=self.dataset_hash, job_ids=job_ids, **self._task.waiting(deadline))

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Report which videos were re-encoded and which Encord ignored."""
        wanted = self._known(memory)
        re_encoded: list[str] = []
        ignored: list[str] = []
        batches: list[dict[str, Any]] = []
        endings = []
        for at, (job_id, verdict) in enumerate(zip(job_ids, verdicts, strict=True)):
            done = [video.data_hash for video in verdict.answer.videos]
            batch = self._batch(wanted, at) if wanted is not None else done
            left = [data_hash for data_hash in batch if data_hash not in set(done)] if verdict.state == "done" else []
            re_encoded += done
            ignored += left
            batches.append({"job_id": job_id, "status": verdict.status, "re_encoded": len(done), "ignored": len(left)})
            endings.append(verdict)
        for verdict in endings:
            require_done(verdict, self.dataset_hash)
        if ignored and not self._task.ignore_if_missing:
            shown = ", ".join(map(str, job_ids[:5]))
            raise EncordJobError(
                f"Dataset {self.dataset_hash}: re-encode task {shown} is done, but Encord ignored {len(ignored)} data "
                f"hashes (not videos of this dataset?): {', '.join(ignored[:20])}. "
                "Use ignore_if_missing=True if that may happen.",
                dataset_hash=self.dataset_hash,
            )
        return {
            "dataset_hash": self.dataset_hash,
            "job_id": job_ids[0] if job_ids else None,
            "job_ids": list(job_ids),
            "status": ", ".join(sorted({batch["status"] for batch in batches})) or NOTHING_NEW,
            "re_encoded": list_or_reference(re_encoded, len(re_encoded)),
            "ignored": list_or_reference(ignored, len(ignored)),
            "batches": batches,
        }

    def _batch(self, wanted: list[str], at: int) -> list[str]:
        size = self._task.max_items_per_job
        return wanted[at * size : (at + 1) * size]

    def _known(self, memory: Memory) -> list[str] | None:
        """Return the hashes; None if a filter or a file chose them and the task store does not have them."""
        if self._wanted is None:
            self._wanted = memory.recall_hashes()
        return self._wanted

    def _find(self, memory: Memory) -> list[str]:
        """Return the hashes; what a filter or a file chose is remembered, so that it stays what the work is about."""
        known = self._known(memory)
        if known is not None and not self._from_file:
            return known
        if known is None:
            rows = self.hook.iter_data_rows(self.dataset_hash, data_types=["VIDEO"], **chosen(self._task))
            known = self._wanted = [row.data_hash for row in rows]
        memory.remember_hashes(known)
        return known
