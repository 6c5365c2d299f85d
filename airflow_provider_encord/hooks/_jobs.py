"""Verbs of the hook: how a job stands, and waiting for its end."""

from __future__ import annotations

from airflow_provider_encord._airflow.progress_log import ProgressLog
from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.jobs import Verdict, Watch
from airflow_provider_encord._client.retry import ONCE
from airflow_provider_encord._client.wait import DeadlineReached, Patience
from airflow_provider_encord._compat import AirflowFailException
from airflow_provider_encord.exceptions import EncordError, EncordTimeoutError
from airflow_provider_encord.hooks._verbs import Steps, Verbs, ask, verb, wait_for

SEVEN_DAYS = 7 * 24 * 60 * 60
DEFAULT_MAX_POLL_FAILURES = 10
POLL_INTERVAL = 5.0


class JobVerbs(Verbs):
    """Jobs of any kind."""

    @verb
    def look(self, watch: Watch, *, held_seconds: int = 0) -> Steps[Verdict | None]:
        """Ask once how a job stands; None if Encord could not say just now.

        :param watch: the job, such as ``airflow_provider_encord._client.jobs.UploadJobWatch``.
        :param held_seconds: how long the server may hold the request while the job goes on, where the API allows.
        """
        try:
            return watch.judge((yield from ask(watch.poll(held_seconds), ONCE)))
        except AirflowFailException:
            raise
        except EncordError as error:
            self.log.warning("Poll failed, the job may be well: %s", error)
            return None

    @verb
    def wait(
        self,
        watch: Watch,
        *,
        deadline: float | None = None,
        poll_interval: float = POLL_INTERVAL,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
    ) -> Steps[Verdict]:
        """Wait until a job ends, however it ends.

        :param watch: the job, such as ``airflow_provider_encord._client.jobs.UploadJobWatch``.
        :param deadline: Unix time in seconds at which to stop; None for no limit.
        :param poll_interval: seconds between polls that the server does not hold.
        :param max_poll_failures: failed polls in a row that end the wait.
        :raises EncordTimeoutError: when the time is over; the job goes on, also where Encord could cancel it.
        """
        patience = Patience(deadline, poll_interval, max_poll_failures)
        report = ProgressLog(self.log)
        try:
            return (yield from wait_for(watch, patience, report=report, report_failure=self.log_failed_poll))
        except DeadlineReached as reached:
            cancel = "which offers no way to cancel it" if watch.cancel() is None else "until somebody cancels it"
            problem = f"{reached}. It goes on in Encord, in {watch.place}, {cancel}."
            raise EncordTimeoutError(problem, dataset_hash=watch.dataset_hash) from None

    def log_failed_poll(self, error: ApiError, failures: int, seconds: float) -> None:
        """Warn of a poll that failed; the job itself may be well."""
        self.log.warning(
            "Poll failed (%d in a row), asking again in %.0f s; the job may be well: %s", failures, seconds, error
        )
