"""The span of time that a run stands for: its data interval, or what its schedule makes of its tick."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
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
    ticks = [_ticks(each) for each in _triggers(timetable)] if partition or how in ("scheduled", "backfill") else []
    if ticks and partition:
        return _span_of_partition(partition, ticks[0])
    if ticks and end is not None:
        return max(_before(each, end) for each in ticks), end
    raise EncordInputError(
        f"in_data_interval: this run ({how}, schedule {type(timetable).__name__}) stands for no span of time. {_CURES}"
    )


def _span_of_partition(date: datetime, ticks: Any) -> tuple[datetime, datetime]:
    """Return the time from a partition's date to the next one's."""
    from airflow.timetables.base import DataInterval, TimeRestriction

    last = DataInterval(_before(ticks, date), _pendulum(date))
    end = ticks.next_dagrun_info(
        last_automated_data_interval=last, restriction=TimeRestriction(None, None, catchup=True)
    ).data_interval.end
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


def _ticks(trigger: Any) -> Any:
    """Return the timetable whose data intervals lie between the ticks of another one."""
    from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable

    if type(trigger).__name__ == "DeltaTriggerTimetable":
        return DeltaDataIntervalTimetable(_field(trigger, "delta"))
    return CronDataIntervalTimetable(_field(trigger, "expression"), _field(trigger, "timezone"))


def _before(ticks: Any, moment: datetime) -> Any:
    """Return the last tick before a moment."""
    last = ticks.infer_manual_data_interval(run_after=_pendulum(moment))
    return last.end if last.end < moment else last.start


def _field(timetable: Any, name: str) -> Any:
    """Return what a timetable was made with: public in the classes of the SDK, private in those of the scheduler."""
    return getattr(timetable, name) if hasattr(timetable, name) else getattr(timetable, f"_{name}")


def _pendulum(moment: datetime) -> Any:
    import pendulum

    return pendulum.instance(moment)
