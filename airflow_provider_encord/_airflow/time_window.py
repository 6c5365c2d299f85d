"""The span of time that a run stands for: its data interval, or what its schedule makes of its tick."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_encord.exceptions import EncordInputError

_TRIGGERS = ("CronTriggerTimetable", "DeltaTriggerTimetable", "MultipleCronTriggerTimetable", "CronPartitionTimetable")
_AND_ASSETS = ("AssetOrTimeSchedule", "DatasetOrTimeSchedule")
_CURES = (
    "Give modified_after and modified_before, or a schedule whose runs have data intervals: "
    'CronDataIntervalTimetable("@daily", timezone="UTC"), or [scheduler] create_cron_data_intervals = True '
    "in Airflow's configuration."
)

Moment = datetime | None


def window(context: Any, in_data_interval: bool, after: Moment, before: Moment) -> tuple[Moment, Moment]:
    """Return the first moment of a window and the one that ends it; None for no limit.

    :param in_data_interval: limit it to the time that the run stands for.
    :raises EncordInputError: the window is empty, or the run stands for no time.
    """
    if in_data_interval:
        start, end = span_of_run(context)
        after, before = max(start, after or start), min(end, before or end)
    if after is not None and before is not None and after >= before:
        raise EncordInputError(
            f"The window from {after.isoformat()} until before {before.isoformat()} holds no time: "
            "see in_data_interval, modified_after and modified_before."
        )
    return after, before


def span_of_run(context: Any) -> tuple[datetime, datetime]:
    """Return the data interval of a run; if that has no length, the time since the tick before.

    That comes from the schedule and never from earlier runs, so a run that is repeated stands for the same time.

    :raises EncordInputError: the run stands for no time: it was started by hand or by an asset, or the schedule is of
        another kind.
    """
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is not None and end is not None and start < end:
        return start, end
    run = context.get("dag_run")
    how = str(getattr(getattr(run, "run_type", None), "value", getattr(run, "run_type", None)))
    timetable = getattr(context.get("dag"), "timetable", None)
    partition = getattr(run, "partition_date", None)
    triggers = list(_triggers(timetable)) if partition or how in ("scheduled", "backfill") else []
    if triggers and partition:
        return _span_of_partition(partition, triggers)
    if triggers and end is not None:
        return _before(triggers, end), end
    raise EncordInputError(
        f"in_data_interval: this run ({how}, schedule {type(timetable).__name__}) stands for no span of time. {_CURES}"
    )


def _span_of_partition(date: datetime, triggers: Sequence[Any]) -> tuple[datetime, datetime]:
    """Return the time from a partition's date to the next one's."""
    end = _after(_crons(triggers), date)
    if end > datetime.now(UTC):
        raise EncordInputError(
            f"in_data_interval: the time of the partition, from {date.isoformat()} until {end.isoformat()}, is not "
            "over. CronPartitionTimetable(..., run_offset=-1) runs when it is."
        )
    return date, end


def _triggers(timetable: Any) -> Iterator[Any]:
    """Yield the timetables of Airflow's own of which each tick of a schedule is one; none for other schedules."""
    name = type(timetable).__name__ if type(timetable).__module__.startswith("airflow.") else ""
    if name in _AND_ASSETS:
        yield from _triggers(_field(timetable, "timetable"))
    elif name == "MultipleCronTriggerTimetable":
        yield from _field(timetable, "timetables")
    elif name in _TRIGGERS:
        yield timetable


def _before(triggers: Sequence[Any], moment: datetime) -> datetime:
    """Return the last tick of any trigger before a moment."""
    if type(triggers[0]).__name__ == "DeltaTriggerTimetable":
        before: datetime = moment - _field(triggers[0], "delta")
        return before
    # Airflow's own way back stands still where clocks skip an hour, so go forward, from further and further back.
    crons, back, last = _crons(triggers), timedelta(hours=3), None
    while last is None:
        tick = _after(crons, moment - back)
        while tick < moment:
            last, tick = tick, _after(crons, tick)
        back *= 2
    return last


def _after(crons: Sequence[Any], moment: datetime) -> datetime:
    """Return the first tick after a moment, as the scheduler does."""
    from airflow.timetables.base import DataInterval, TimeRestriction

    last = DataInterval(_pendulum(moment), _pendulum(moment))
    given = {"last_automated_data_interval": last, "restriction": TimeRestriction(None, None, catchup=True)}
    ticks: list[datetime] = [cron.next_dagrun_info(**given).data_interval.end for cron in crons]
    return min(ticks)


def _crons(triggers: Sequence[Any]) -> list[Any]:
    """Return the scheduler's timetables of triggers; those of the SDK have no ticks."""
    from airflow.timetables.trigger import CronTriggerTimetable

    return [CronTriggerTimetable(_field(each, "expression"), timezone=_field(each, "timezone")) for each in triggers]


def _field(timetable: Any, name: str) -> Any:
    """Return what a timetable was made with: public in the classes of the SDK, private in those of the scheduler."""
    return getattr(timetable, name) if hasattr(timetable, name) else getattr(timetable, f"_{name}")


def _pendulum(moment: datetime) -> Any:
    import pendulum

    return pendulum.instance(moment)
