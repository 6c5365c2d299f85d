"""`python -m tests.chaos --seed 1 --events 300`, from the top of the project; `make chaos` installs what it needs."""

from __future__ import annotations

import argparse
import random
import sys
import time
from functools import partial

from tests.chaos import leaks, postgres, processes, tally, workload
from tests.chaos.airflow_services import LASTS, UNFINISHED, VERSION, Airflow
from tests.chaos.deferred import Deferred
from tests.chaos.events import Chaos
from tests.chaos.folders import Folders
from tests.chaos.hostile import ANSWERS, TITLES, Hostile
from tests.chaos.hostile_answers import HostileFront
from tests.chaos.key import Key
from tests.chaos.theatre import Theatre, perform


def rage(theatre: Theatre, airflow: Airflow, chaos: Chaos, events: int, at_once: int, patience: float) -> list[str]:
    """Keep runs going and let events happen until there were enough; return the runs."""
    runs: list[str] = []
    until, told = time.monotonic() + patience, 0
    while chaos.happened < events and time.monotonic() < until:
        states = airflow.states()
        if sum(states.get(run, "queued") in UNFINISHED for run in runs) < at_once:
            runs.append(f"run-{len(runs) + 1:03}")
            if error := airflow.order("trigger", run_id=runs[-1]):
                raise RuntimeError(f"a run could not be triggered: {error}")
        chaos.step(time.monotonic())
        for name in airflow.keep_running():
            theatre.say(f"{name} had ended, or was stuck; started again")
        processes.end_idle_orphans()
        own = {service.pid for service in airflow.services.values()} | {airflow.hand.pid}
        processes.reap(own)
        if chaos.happened >= told + 25:
            told = chaos.happened
            ended = sum(state not in UNFINISHED for state in states.values())
            theatre.say(f"{told} events, {len(runs)} runs, {ended} of them ended")
        time.sleep(chaos.chance.uniform(0.3, 1.2))
    return runs


def finish(theatre: Theatre, airflow: Airflow, patience: float) -> None:
    """Wait until all runs have ended."""
    until = time.monotonic() + patience
    while any(state in UNFINISHED for state in airflow.states().values()) and time.monotonic() < until:
        for name in airflow.keep_running():
            theatre.say(f"{name} had ended, or was stuck; started again")
        processes.end_idle_orphans()
        time.sleep(1)


def calmly(counted: int, runs: int, each: int) -> str:
    """Say how many there were and how many a calm run starts."""
    return f"{counted} (calm: {runs * each})"


def main() -> int:
    """Run it from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn by chance")
    parser.add_argument("--events", type=int, default=300, help="kills and faults that must hit")
    parser.add_argument("--runs", type=int, default=3, help="DAG runs at once")
    parser.add_argument("--patience", type=float, default=1500, help="seconds after which it stops raging anyway")
    parser.add_argument("--only", choices=STORIES, help="instead of chaos: a story told step by step")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    arguments = parser.parse_args()

    play = STORIES[arguments.only] if arguments.only else partial(run, arguments=arguments)
    return perform(play, "chaos", keep=arguments.keep)


def deferred_only(theatre: Theatre) -> list[str]:
    """Tell what becomes of deferred tasks; return what is bad."""
    if not LASTS:
        return [f"Airflow {VERSION} does not tell triggers that their tasks are killed"]
    with theatre.staged() as (airflow, control, _):
        return Deferred(airflow, control, theatre.folder, theatre.say).tell_all()


def folders_only(theatre: Theatre) -> list[str]:
    """Tell which jobs of folders are cancelled; return what is bad."""
    with theatre.staged() as (airflow, control, _):
        return Folders(airflow, control, theatre.folder, theatre.say).tell_all()


def hostile_only(theatre: Theatre) -> list[str]:
    """Tell what hostile answers do; return what is bad."""
    front = HostileFront(ANSWERS)
    environment = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG", "CHAOS_TITLES": " ".join(TITLES)}
    with theatre.staged(front.before, environment) as (airflow, control, _):
        if not theatre.socket:
            return [postgres.MISSING]
        return Hostile(airflow, control, front, theatre.folder, theatre.socket, theatre.say).tell()


def run(theatre: Theatre, arguments: argparse.Namespace) -> list[str]:
    """Do it all; return what is bad."""
    with theatre.staged() as (airflow, control, work):
        key = Key(theatre.folder / "demo_key", control)
        chaos = Chaos(airflow, control, key, random.Random(arguments.seed), theatre.tell)
        runs = rage(theatre, airflow, chaos, arguments.events, arguments.runs, arguments.patience)
        chaos.calm_down()
        theatre.say(f"{chaos.happened} events; waiting for {len(runs)} runs to end")
        finish(theatre, airflow, 420)
        encord = theatre.folder / "encord" / "encord.sqlite3"
        until = time.monotonic() + 60
        while tally.unsettled(encord) and time.monotonic() < until:
            time.sleep(0.5)
        states = airflow.states()
        tries = airflow.ask("SELECT task_id, sum(try_number), count(*) FROM task_instance GROUP BY 1 ORDER BY 1")
        failed = airflow.ask("SELECT run_id, task_id, map_index, state FROM task_instance WHERE state <> 'success'")
        if theatre.socket:
            postgres.dump(theatre.socket, theatre.folder / "airflow.sql")
    counted = tally.count(encord, [place for name in runs for place in work.places(name)], lasts=LASTS)
    found = list(leaks.find([theatre.folder], leaks.secrets_of("".join(key.texts)), spared=[key.file]))
    unfinished = [name for name in runs if states.get(name, "queued") in UNFINISHED]
    lost_runs = [name for name in runs if states.get(name) == "failed"]

    table = {
        "seed": arguments.seed,
        "Airflow": f"{VERSION}, {'PostgreSQL' if theatre.socket else 'SQLite'}",
        "seconds": round(time.monotonic() - theatre.began),
        "events": chaos.happened,
        **{f"  {kind}": number for kind, number in sorted(chaos.kills.items())},
        **{f"  fault {kind}": number for kind, number in sorted(chaos.faults.items())},
        "  faults by operation": ", ".join(f"{name} {number}" for name, number in chaos.operations.most_common()),
        "runs": len(runs),
        "runs failed": len(lost_runs),
        "runs unfinished": len(unfinished),
        "task tries": ", ".join(f"{task} {number} (calm: {calm})" for task, number, calm in tries),
        "registration jobs started": calmly(counted.jobs, len(runs), workload.CALM_JOBS),
        "jobs of folders started": calmly(counted.folder_jobs, len(runs), workload.CALM_FOLDER_JOBS),
        "  of them cancelled": counted.cancelled_jobs,
        "  placeholders left": counted.placeholders,
        "re-encode tasks started": calmly(counted.re_encodes, len(runs), workload.CALM_RE_ENCODES),
        "items expected": counted.expected,
        "items present": counted.present,
        "items duplicated": f"{len(counted.duplicated)}, outside of documented windows {len(counted.outside)}",
        "items lost": len(counted.lost),
        "leaks": len(found),
    }
    print()
    for name, value in table.items():
        print(f"{name + ':':<28} {value}")
    for title, findings in (("Duplicated", counted.duplicated), ("Lost", counted.lost), ("Leaks", found)):
        for each in findings:
            print(f"  {title}: {each}")
    for each in failed:
        print("  Not successful:", *each)
    wrong = {
        "items lost": len(counted.lost),
        "items duplicated outside of documented windows": len(counted.outside),
        "leaks": len(found),
        "runs failed": len(lost_runs),
        "runs unfinished": len(unfinished),
        "events missing": max(0, arguments.events - chaos.happened),
    }
    return [f"{number} {what}" for what, number in wrong.items() if number]


STORIES = {"deferred": deferred_only, "folders": folders_only, "hostile": hostile_only}

if __name__ == "__main__":
    sys.exit(main())
