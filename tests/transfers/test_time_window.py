"""The time that a run stands for, with Airflow's own timetables: those of DAG files, and the scheduler's."""

import importlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pendulum
import pytest

from airflow_provider_encord._airflow.time_window import span_of_run, window
from airflow_provider_encord.exceptions import EncordInputError

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def context(schedule, tick=None, run_type="scheduled", interval=timedelta(), **more):
    """As much of a run's context as the span is made of."""
    return {
        "dag": DAG("dag", schedule=schedule, start_date=START),
        "dag_run": SimpleNamespace(run_type=SimpleNamespace(value=run_type), **more),
        "data_interval_start": tick and tick - interval,
        "data_interval_end": tick,
    }


@pytest.fixture(params=["airflow.sdk", "airflow.timetables.trigger"])
def trigger(request):
    """Makes a timetable whose intervals have no length, of the SDK or of the scheduler."""

    def make(name, *arguments, **more):
        try:
            return getattr(importlib.import_module(request.param), name)(*arguments, **more)
        except (ImportError, AttributeError):
            pytest.skip(f"this Airflow has no {name} in {request.param}")

    return make


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
@pytest.mark.parametrize(
    ("cron", "tick", "before"),
    [
        ("@daily", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("0 6 * * 1-5", datetime(2026, 11, 23, 6, tzinfo=UTC), datetime(2026, 11, 20, 6, tzinfo=UTC)),
        ("*/10 * * * *", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, 23, 50, tzinfo=UTC)),
    ],
)
def test_from_the_tick_before_to_this_one(cron, tick, before, run_type, trigger):
    schedule = trigger("CronTriggerTimetable", cron, timezone="UTC")
    assert span_of_run(context(schedule, tick, run_type)) == (before, tick)


def test_a_day_of_25_hours(trigger):
    schedule = trigger("CronTriggerTimetable", "@daily", timezone="Europe/Berlin")
    start, end = span_of_run(context(schedule, datetime(2026, 10, 25, 23, tzinfo=UTC)))
    assert end - start == 25 * HOUR


def test_of_several_crons_the_last_tick_of_any(trigger):
    schedule = trigger("MultipleCronTriggerTimetable", "0 6 * * *", "0 18 * * *", timezone="UTC")
    tick = datetime(2026, 3, 2, 6, tzinfo=UTC)
    assert span_of_run(context(schedule, tick)) == (tick - 12 * HOUR, tick)
    assert span_of_run(context(schedule, tick + 12 * HOUR)) == (tick, tick + 12 * HOUR)


def test_a_delta(trigger):
    schedule = trigger("DeltaTriggerTimetable", 7 * HOUR)
    tick = START + 14 * HOUR
    assert span_of_run(context(schedule, tick)) == (START + 7 * HOUR, tick)


def test_runs_that_follow_one_another_leave_no_gap(trigger):
    schedule = trigger("CronTriggerTimetable", "0 3 * * *", timezone="America/New_York")
    ticks = [datetime(2026, 3, day, 8 - (day > 7), tzinfo=UTC) for day in range(6, 11)]
    spans = [span_of_run(context(schedule, tick)) for tick in ticks]
    assert [span[1] for span in spans[:-1]] == [span[0] for span in spans[1:]]


@pytest.mark.parametrize(
    ("crons", "zone", "start", "count"),
    [
        (["30 2 * * *"], "Europe/Berlin", datetime(2026, 3, 26, tzinfo=UTC), 6),
        (["30 2 * * *"], "Europe/Berlin", datetime(2026, 10, 22, tzinfo=UTC), 6),
        (["0 2 * * *", "30 2 * * *"], "Europe/Berlin", datetime(2026, 3, 27, tzinfo=UTC), 9),
        (["*/20 1-3 * * *"], "Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC), 24),
        (["*/20 * * * *"], "America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 12),
        (["0 0 * * *"], "America/Sao_Paulo", datetime(2018, 11, 2, tzinfo=UTC), 5),
        (["0 0 29 2 *"], "UTC", datetime(2020, 1, 1, tzinfo=UTC), 3),
    ],
)
def test_a_run_begins_where_the_scheduler_made_the_one_before_also_when_clocks_change(crons, zone, start, count):
    from airflow.timetables import trigger
    from airflow.timetables.base import DataInterval, TimeRestriction

    kind = "CronTriggerTimetable" if len(crons) == 1 else "MultipleCronTriggerTimetable"
    if not hasattr(trigger, kind):
        pytest.skip(f"this Airflow has no {kind}")
    schedule, ticks = getattr(trigger, kind)(*crons, timezone=zone), [pendulum.instance(start)]
    for _ in range(count):
        last = DataInterval(ticks[-1], ticks[-1])
        made = schedule.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(None, None, catchup=True)
        )
        ticks.append(made.data_interval.end)
    for before, tick in pairwise(ticks[1:]):
        assert span_of_run(context(schedule, tick)) == (before, tick)


def test_what_a_preset_makes_of_a_schedule():
    """Airflow 3 makes a trigger of it, and Airflow 2 a data interval."""
    tick = datetime(2026, 3, 2, tzinfo=UTC)
    given = context("@daily", tick)
    if "Trigger" not in type(given["dag"].timetable).__name__:
        given["data_interval_start"] = tick - DAY
    assert span_of_run(given) == (tick - DAY, tick)


@pytest.mark.parametrize("run_type", ["scheduled", "manual", "asset_triggered"])
def test_a_data_interval_is_taken_as_it_is(run_type):
    assert span_of_run(context(None, START, run_type, interval=HOUR)) == (START - HOUR, START)


def test_a_schedule_beside_assets():
    try:
        from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable
    except ImportError:
        pytest.skip("this Airflow's SDK has no timetables")
    schedule = AssetOrTimeSchedule(timetable=CronTriggerTimetable("@daily", timezone="UTC"), assets=[Asset("a")])
    tick = datetime(2026, 3, 2, tzinfo=UTC)
    assert span_of_run(context(schedule, tick)) == (tick - DAY, tick)
    with pytest.raises(EncordInputError, match="asset_triggered, schedule AssetOrTimeSchedule"):
        span_of_run(context(schedule, tick, "asset_triggered"))


@pytest.mark.parametrize("by", ["hand", "asset", "custom timetable", "hand, without a date"])
def test_who_stands_for_no_time_is_told_the_cures(by, trigger):
    schedule = trigger("CronTriggerTimetable", "@daily", timezone="UTC")
    given = {
        "hand": {"tick": START, "run_type": "manual"},
        "asset": {"tick": START, "run_type": "asset_triggered"},
        "custom timetable": {"tick": START},
        "hand, without a date": {"run_type": "manual"},
    }[by]
    run = context(schedule, **given)
    if by == "custom timetable":
        mine = type("Mine", (type(schedule),), {"__module__": "mine"})
        run["dag"] = SimpleNamespace(timetable=mine("@daily", timezone="UTC"))
    with pytest.raises(EncordInputError) as caught:
        span_of_run(run)
    for cure in ("CronDataIntervalTimetable", "create_cron_data_intervals", "modified_after", "modified_before"):
        assert cure in str(caught.value)


def test_a_partition_stands_for_the_time_until_the_next(trigger):
    schedule = trigger("CronPartitionTimetable", "@daily", timezone="UTC", run_offset=-1)
    date = datetime(2026, 3, 1, tzinfo=UTC)
    assert span_of_run(context(schedule, partition_date=date)) == (date, date + DAY)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with pytest.raises(EncordInputError, match=r"is not over.*run_offset=-1"):
        span_of_run(context(schedule, partition_date=today))


def test_a_window_is_what_all_have_in_common():
    run = context(None, START + DAY, interval=DAY)
    assert window(run, False, None, None) == (None, None)
    assert window(run, False, START, None) == (START, None)
    assert window(run, True, None, START + HOUR) == (START, START + HOUR)
    assert window(run, True, START + HOUR, START + 3 * DAY) == (START + HOUR, START + DAY)
    with pytest.raises(EncordInputError, match="holds no time"):
        window(run, True, START + DAY, None)
