"""What operators and sensors share: the connection, checks of arguments, the link, and waiting for jobs."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._airflow.job_run import JobRun, Work
from airflow_provider_encord._airflow.masked_rendering import ShowsNoCredentials
from airflow_provider_encord._airflow.references import is_read_later
from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import redacted
from airflow_provider_encord._compat import AirflowSkipException, BaseOperator, Context, conf
from airflow_provider_encord.exceptions import EncordError, EncordInputError, EncordNothingToDoError
from airflow_provider_encord.links.encord import XCOM_KEY, EncordDatasetLink, dataset_url
from airflow_provider_encord.triggers._events import event_job_ids, raise_unless_ended, validate_event

if TYPE_CHECKING:
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord.hooks.encord import EncordHook

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
SEVEN_DAYS = 7 * 24 * 60 * 60.0
ON_EMPTY = ("skip", "succeed", "fail")
_CALLED = {"only_report": "dry_run"}  # BaseOperator has a method of the argument's name


class EncordTask(ShowsNoCredentials):
    """What operators and sensors have in common."""

    checks: ClassVar[dict[str, Check]] = {
        "encord_conn_id": arguments.conn_id,
        "execution_timeout": arguments.execution_timeout,
    }
    """The check of each argument, by its name."""

    list_checks: ClassVar[dict[str, Check]] = {}
    """The same for lists that may be a reference to a file, which is read when the task runs."""

    encord_conn_id: str

    @cached_property
    def hook(self) -> EncordHook:
        """The hook, made at its first use on the worker."""
        from airflow_provider_encord.hooks.encord import EncordHook

        return EncordHook(self.encord_conn_id)

    def check_literals(self) -> None:
        """Check the arguments that are known when the DAG is parsed.

        :raises EncordInputError: names each wrong argument, its value, and what it must be.
        """
        self.producers: dict[str, str] = {}
        problems = []
        for name, check in (self.checks | self.list_checks).items():
            value = getattr(self, name, arguments.NOT_GIVEN)
            if name in self.template_fields and arguments.is_template(value):
                if tasks := arguments.producers(value):
                    self.producers[name] = tasks[0]
            elif not (
                value is arguments.NOT_GIVEN
                or hasattr(value, "__next__")  # a generator can be read once
                or (name in self.list_checks and is_read_later(value))
            ):
                try:
                    check(value, _CALLED.get(name, name))
                except EncordInputError as error:
                    problems.append(str(error))
        if problems:
            raise EncordInputError("\n".join(problems))
        self.check_together()

    def check_rendered(self) -> None:
        """Check and convert all arguments, before the first request.

        :raises EncordInputError: names each wrong argument, its value, and what it must be.
        """
        problems = []
        for name, check in (self.checks | self.list_checks).items():
            try:
                setattr(self, name, check(getattr(self, name), _CALLED.get(name, name)))
            except EncordInputError as error:
                source = f" It comes from task {self.producers[name]!r}." if name in self.producers else ""
                problems.append(f"{error}{source}")
        if problems:
            raise EncordInputError("\n".join(problems))
        self.check_together()

    def check_together(self) -> None:
        """Check arguments that depend on each other."""

    def tell(self, error: EncordError) -> None:
        """Add connection, host, dataset and jobs to an error, and log it before Airflow logs the traceback."""
        error.conn_id = error.conn_id or self.encord_conn_id
        if "hook" in self.__dict__ and "settings" in self.hook.__dict__:
            error.host = error.host or self.hook.settings.domain
        error.dataset_hash = error.dataset_hash or getattr(self, "dataset_hash", None)
        error.job_ids = error.job_ids or list(getattr(self, "running_jobs", ()))
        self.log.error("%s", error)  # type: ignore[attr-defined]

    def push_link(self, context: Context, dataset_hash: str) -> None:
        """Push the address of the dataset for the link on the task's page."""
        context["ti"].xcom_push(key=XCOM_KEY, value=storable(dataset_url(self.hook.settings.domain, dataset_hash)))


class EncordOperator(EncordTask, BaseOperator):
    """An operator with a connection to Encord.

    :param encord_conn_id: id of the Airflow connection (templated).
    """

    operator_extra_links: tuple[EncordDatasetLink, ...] = (EncordDatasetLink(),)
    on_empty: str = "skip"

    def __init__(self, *, encord_conn_id: str = "encord_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encord_conn_id = encord_conn_id

    def push(self, context: Context, key: str, value: Any) -> None:
        """Push an XCom in addition to the returned value, unless ``do_xcom_push`` is False.

        None is not pushed: a pull returns None anyway, and Airflow 3.0 refuses it.
        """
        if self.do_xcom_push and value is not None:
            context["ti"].xcom_push(key=key, value=storable(redacted(value)))

    def settle_empty(
        self,
        context: Context,
        report: dict[str, Any],
        memory: Memory | None = None,
        why: str = "There was nothing to do.",
    ) -> dict[str, Any]:
        """Apply ``on_empty`` when no attempt of this task instance had anything to do.

        :param memory: what earlier attempts have changed in Encord; None for a task that changes nothing.
        :param why: a sentence for log and errors.
        :raises AirflowSkipException: if ``on_empty`` is ``skip``; the report is pushed first.
        :raises EncordNothingToDoError: if ``on_empty`` is ``fail``.
        """
        if memory is not None and memory.worked_before:
            self.log.info("Nothing is left to do: an earlier attempt did it, or may have done it.")
            return report
        if self.on_empty == "succeed":
            self.log.info("%s", why)
            return report
        if self.on_empty == "fail":
            raise EncordNothingToDoError(
                f"{self.task_id}: {why} on_empty is 'fail'; use on_empty='skip' or 'succeed' if that may happen."
            )
        self.push(context, "return_value", report)
        raise AirflowSkipException(f"{why} (on_empty='skip')")


class EncordJobOperator(EncordOperator):
    """An operator that starts jobs in Encord and waits for them.

    The order is the same in all modes: start, remember the ids, push XComs and link, wait. On Airflow 3.3 and later, a
    task instance starts nothing twice: a later attempt, or a cleared task, recalls the jobs, starts only those that are
    missing, and waits for all. Failed jobs are started again.

    :param wait_for_completion: False returns as soon as the jobs are started.
    :param deferrable: wait in the triggerer instead of on a worker.
    :param defer_after: seconds that a deferrable task first waits on the worker: if the jobs end in that time, the task
        need not start a second time. 0 defers at once.
    :param poll_interval: seconds between polls that Encord does not hold.
    :param timeout: seconds, or a timedelta, that the jobs may take; None for no limit. Jobs that Encord cannot cancel
        go on.
    :param max_poll_failures: failed polls in a row that end the wait.
    :param durable: True repeats nothing that an earlier attempt has done; False starts again at each attempt.
    :param on_empty: what the task does if there is nothing to do: ``skip``, ``succeed`` or ``fail``.
    """

    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "wait_for_completion": arguments.flag,
        "deferrable": arguments.flag,
        "defer_after": arguments.seconds_or_none_at_all,
        "poll_interval": arguments.required_seconds,
        "timeout": arguments.seconds,
        "max_poll_failures": arguments.whole_number(),
        "durable": arguments.flag,
        "on_empty": arguments.one_of(*ON_EMPTY),
    }

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        deferrable: bool = DEFAULT_DEFERRABLE,
        defer_after: float | timedelta = 5.0,
        poll_interval: float | timedelta = 30.0,
        timeout: float | timedelta | None = SEVEN_DAYS,
        max_poll_failures: int = 10,
        durable: bool = True,
        on_empty: str = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.max_poll_failures = max_poll_failures
        self.durable = durable
        self.on_empty = on_empty
        self.running_jobs: JobIds = []
        self._job_run: JobRun | None = None

    def run_jobs(self, context: Context, work: Work) -> dict[str, Any]:
        """Start the jobs, or recall those of earlier attempts, and wait for them."""
        if work.dataset_hash is not None:
            self.push_link(context, work.dataset_hash)
        self._job_run = JobRun(work, self, context)
        return self._job_run.run()

    def resume_jobs(self, context: Context, work: Work, event: dict[str, Any] | None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        ended = validate_event(event)
        raise_unless_ended(ended)
        job_ids = event_job_ids(ended)
        self._job_run = JobRun(work, self, context)
        return self._job_run.resume({**ended, "job_ids": job_ids})

    def waiting(self, deadline: float | None) -> dict[str, Any]:
        """Return the arguments of a trigger that say how it waits."""
        return {
            "encord_conn_id": self.encord_conn_id,
            "deadline": deadline,
            "poll_interval": self.poll_interval,
            "max_poll_failures": self.max_poll_failures,
        }

    def on_kill(self) -> None:
        """Cancel the jobs, or say once that they go on."""
        if self._job_run is not None:
            self._job_run.kill()
