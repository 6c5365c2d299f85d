"""Waiting for a job, driven by hand: no clock runs and nothing sleeps."""

import math
from collections.abc import Iterable
from functools import partial
from itertools import repeat
from typing import Any

import pytest

from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.exchange import Pause
from airflow_provider_encord._client.jobs import ReEncodeWatch, State, UploadJobWatch, Verdict, Watch
from airflow_provider_encord._client.resources.re_encoding import ReEncodeTask
from airflow_provider_encord._client.resources.registration import UnitError, UploadJob
from airflow_provider_encord._client.wait import DeadlineReached, Patience, wait
from vectors import DATASET, JOB

NOW = 1_000_000.0
UPLOAD = UploadJobWatch(DATASET, JOB)
PENDING, DONE = UploadJob("PENDING", pending=3), UploadJob("DONE", done=3)


def failure(kind: ErrorKind = ErrorKind.NETWORK, **more: Any) -> ApiError:
    return ApiError(kind, operation="poll", reason="because", **more)


class Run:
    """Drives one wait: ``answers`` are passed back one by one, each after the server held it for ``held``."""

    def __init__(
        self,
        answers: Iterable[Any],
        watch: Watch = UPLOAD,
        *,
        deadline: float | None = None,
        held: float = 0.0,
        poll_interval: float = 5.0,
        max_poll_failures: int = 3,
        chances: Iterable[float] = repeat(0.5),
        longest_held: float = math.inf,
    ) -> None:
        self.now = NOW
        self.pauses: list[float] = []
        self.asked_to_hold: list[int] = []
        self.reports: list[Verdict] = []
        self.failures: list[int] = []
        self._answers = iter(answers)
        self._held = held
        self._steps = wait(
            watch,
            Patience(deadline, poll_interval, max_poll_failures),
            clock=lambda: self.now,
            jitter=partial(next, iter(chances)),
            longest_held=lambda: longest_held,
            report=self.reports.append,
            report_failure=lambda error, count, seconds: self.failures.append(count),
        )

    def end(self) -> Verdict:
        step = next(self._steps)
        while True:
            try:
                step = self._steps.send(self._carry_out(step))
            except StopIteration as end:
                return end.value

    def _carry_out(self, step: Any) -> Any:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            self.now += step.seconds
            return None
        self.asked_to_hold.append(step.held_seconds)
        self.now += self._held
        return next(self._answers)


def test_polls_until_done() -> None:
    run = Run([PENDING, PENDING, DONE])
    assert run.end().state is State.DONE
    assert run.pauses == [5.0, 5.0]
    assert [verdict.state for verdict in run.reports] == [State.PENDING] * 2
    assert run.asked_to_hold == [60, 60, 60]


def test_time_that_the_server_held_a_poll_counts() -> None:
    run = Run([PENDING, PENDING, DONE], held=3.0)
    run.end()
    assert run.pauses == [2.0, 2.0]
    run = Run([PENDING, DONE], held=60.0)
    run.end()
    assert run.pauses == [0.0]


def test_deadline_is_absolute() -> None:
    run = Run([PENDING] * 9, deadline=NOW + 12)
    with pytest.raises(DeadlineReached, match=f"upload job {JOB} did not end in time"):
        run.end()
    assert run.now == NOW + 12
    assert run.pauses == [5.0, 5.0, 2.0]
    assert run.asked_to_hold == [12, 7, 2, 0], "no poll is held beyond the deadline"


def test_a_deadline_in_the_past_still_asks_once() -> None:
    run = Run([DONE], deadline=NOW - 100)
    assert run.end().state is State.DONE
    assert run.asked_to_hold == [0]
    run = Run([PENDING], deadline=NOW - 100)
    with pytest.raises(DeadlineReached):
        run.end()


def test_failed_polls_are_tolerated_and_counted_in_a_row() -> None:
    run = Run([failure(), failure(), PENDING, failure(), failure(), DONE])
    assert run.end().state is State.DONE
    assert run.failures == [1, 2, 1, 2]
    assert run.pauses == [5.0, 10.0, 5.0, 5.0, 10.0]


def test_too_many_failed_polls_in_a_row_end_it() -> None:
    last = failure(ErrorKind.SERVER)
    run = Run([failure(), failure(), last, DONE])
    with pytest.raises(ApiError) as caught:
        run.end()
    assert caught.value is last


@pytest.mark.parametrize(
    "kind",
    [ErrorKind.AUTHENTICATION, ErrorKind.KEY_NOT_FOUND, ErrorKind.PERMISSION, ErrorKind.NOT_FOUND, ErrorKind.INVALID],
)
def test_what_no_retry_cures_ends_it_at_once(kind: ErrorKind) -> None:
    run = Run([PENDING, failure(kind), DONE])
    with pytest.raises(ApiError) as caught:
        run.end()
    assert caught.value.kind is kind
    assert len(run.asked_to_hold) == 2


@pytest.mark.parametrize("kind", [ErrorKind.NETWORK, ErrorKind.SERVER, ErrorKind.RATE_LIMITED, ErrorKind.UNREADABLE])
def test_what_passes_does_not_end_it(kind: ErrorKind) -> None:
    assert Run([failure(kind), DONE]).end().state is State.DONE


@pytest.mark.parametrize(("asked", "paused"), [(2.0, 5.0), (25.0, 25.0), (86400.0, 300.0), (float("inf"), 300.0)])
def test_retry_after_of_a_poll_is_honoured_and_capped(asked: float, paused: float) -> None:
    run = Run([failure(ErrorKind.RATE_LIMITED, retry_after=asked), DONE])
    run.end()
    assert run.pauses == [paused]


def test_pauses_after_failures_grow_to_a_limit_and_stop_at_the_deadline() -> None:
    run = Run([*[failure()] * 9, DONE], max_poll_failures=10)
    run.end()
    assert run.pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    run = Run([*[failure()] * 9, DONE], max_poll_failures=10, deadline=NOW + 20)
    with pytest.raises(DeadlineReached):
        run.end()
    assert run.now == NOW + 20


UPLOAD_STATES = {
    "PENDING": (UploadJob("PENDING"), State.PENDING, True),
    "done": (UploadJob("done"), State.DONE, True),
    "ERROR": (UploadJob("ERROR", errors=("no access",)), State.FAILED, True),
    "CANCELLED": (UploadJob("CANCELLED", cancelled=2), State.CANCELLED, True),
    "done with a failed unit": (UploadJob("DONE", done=1, failed=1), State.PARTIAL, True),
    "done with an error text": (UploadJob("DONE", errors=("x",)), State.PARTIAL, True),
    "done with a unit error": (UploadJob("DONE", unit_errors=(UnitError(("u",), "x"),)), State.PARTIAL, True),
    "unknown": (UploadJob("PAUSED"), State.PENDING, False),
}


@pytest.mark.parametrize("case", UPLOAD_STATES)
def test_judgement_of_a_registration_job(case: str) -> None:
    job, state, known = UPLOAD_STATES[case]
    verdict = UploadJobWatch(DATASET, JOB).judge(job)
    assert (verdict.state, verdict.known, verdict.ended) == (state, known, state is not State.PENDING)
    assert JOB in verdict.message
    assert job.status.upper() in verdict.message
    assert verdict.answer is job


@pytest.mark.parametrize(
    ("status", "state", "known"),
    [
        ("SUBMITTED", State.PENDING, True),
        ("submitted", State.PENDING, True),
        ("Done", State.DONE, True),
        ("ERROR", State.FAILED, True),
        ("QUEUED", State.PENDING, False),
    ],
)
def test_judgement_of_a_re_encode_task(status: str, state: State, known: bool) -> None:
    verdict = ReEncodeWatch(DATASET, 1337).judge(ReEncodeTask(status))
    assert (verdict.state, verdict.known) == (state, known)
    assert "re-encode task 1337" in verdict.message


def test_an_unknown_status_is_waited_for_and_reported() -> None:
    run = Run([UploadJob("PAUSED"), DONE])
    assert run.end().state is State.DONE
    assert [verdict.known for verdict in run.reports] == [False]


def test_uploads_are_held_shorter_than_private_data() -> None:
    run = Run([DONE], UploadJobWatch(DATASET, JOB, max_held_seconds=10))
    run.end()
    assert run.asked_to_hold == [10]
    run = Run([ReEncodeTask("DONE")], ReEncodeWatch(DATASET, 1))
    run.end()
    assert run.asked_to_hold == [0.0], "the server holds no poll of a re-encode task"


def test_message_names_the_first_errors_only() -> None:
    errors = tuple(UnitError((f"https://bucket.example/{number}",), f"problem {number}") for number in range(1000))
    message = UploadJobWatch(DATASET, JOB).judge(UploadJob("DONE", unit_errors=errors, failed=1000)).message
    assert "problem 4" in message
    assert "problem 5" not in message
    assert "1000 failed" in message


def test_intervals_are_longer_or_shorter_by_a_tenth_at_most_as_chance_wants() -> None:
    run = Run([PENDING, PENDING, PENDING, DONE], chances=[0.0, 0.5, 1.0, 0.5])
    run.end()
    assert run.pauses == [4.5, 5.0, 5.5]


def test_pauses_after_failures_are_spread_too_but_never_shorter_than_the_server_asked_for() -> None:
    run = Run(
        [failure(), failure(), failure(retry_after=30.0), DONE], chances=[0.0, 1.0, 0.0, 0.5], max_poll_failures=9
    )
    run.end()
    assert run.pauses == [4.5, 11.0, 30.0]


def test_a_poll_that_may_not_be_held_is_paced_by_the_interval() -> None:
    run = Run([PENDING, DONE], longest_held=0.0)
    run.end()
    assert run.asked_to_hold == [0, 0]
    assert run.pauses == [5.0]
