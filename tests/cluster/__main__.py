"""`python -m tests.cluster --waits 1000`, from the top of the project; `make cluster` installs what it needs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

import boto3

from airflow_provider_encord import demo
from tests.chaos import leaks, postgres, tally
from tests.chaos.airflow_services import UNFINISHED, VERSION
from tests.chaos.encord import Control
from tests.chaos.tally import Place
from tests.chaos.theatre import JOB_SECONDS, Theatre, perform
from tests.chaos.workload import Workload, names
from tests.cluster import upgrade
from tests.cluster.services import Cluster, settings
from tests.cluster.usage import Usage
from tests.cluster.waits import Waits, spread

INGESTS = [f"ingest_{number}" for number in range(1, 6)]
GONE_SECONDS = 10.0
"""How long something that was killed is gone."""
CALM_SECONDS = 60.0
PUT_SECONDS = 1.0
"""How long the local Encord takes for each file, so that an upload is under way when something is killed."""


def main() -> int:
    """Run it from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--waits", type=int, default=1000, help="deferred waits at once")
    parser.add_argument("--patience", type=float, default=7200, help="seconds for all waits to be deferred, or to end")
    parser.add_argument("--only", choices=["upgrade"], help="instead: an upgrade and a rollback under deferred tasks")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    arguments = parser.parse_args()
    play = partial(upgrade.play if arguments.only else run, waits=arguments.waits, patience=arguments.patience)
    return perform(play, "cluster", keep=arguments.keep)


def run(theatre: Theatre, waits: int, patience: float) -> list[str]:
    """Let everything wait, kill one part after the other, and count; return what is bad."""
    with theatre.staged(extra_environment=settings(waits), services=Cluster) as (airflow, control, work):
        assert isinstance(airflow, Cluster)
        play = Play(theatre, airflow, control, work, Waits(airflow, control, theatre.folder, "waits-1", waits))
        play.defer_all(patience)
        play.be_calm()
        play.prepare_ingests()
        for what, happen, end in play.events():
            play.let_happen(what, happen, end)
        play.finish(patience)
        return play.count()


class Play:
    """The waits and the ingests of one run, and what happens to them."""

    def __init__(self, theatre: Theatre, cluster: Cluster, control: Control, work: Workload, waits: Waits) -> None:
        self.theatre = theatre
        self.say = theatre.say
        self.cluster = cluster
        self.control = control
        self.work = work
        self.waits = waits
        self.uploads = [f"uploads/{name}" for name in names(work.images)]
        self.ingests: list[tuple[str, str]] = []
        """DAG and run of each ingest."""
        self._told = 0.0

    def defer_all(self, patience: float) -> None:
        """Start the waits, and wait until all are deferred."""
        before, begun = self.usage(), time.monotonic()
        self.waits.start()
        if self.cluster.until(self._all_are_deferred, patience) is None:
            raise RuntimeError(f"not all waits are deferred: {dict(self.waits.states())}")
        after = self.usage()
        cpu = sum(after.cpu.values()) - sum(before.cpu.values())
        seconds, each = time.monotonic() - begun, cpu / self.waits.count
        self.say(f"All waits are deferred after {seconds:.0f} s; {each:.2f} CPU seconds for each of them:")
        self._table(after.since(before))

    def _all_are_deferred(self) -> bool:
        states = self.waits.states()
        if time.monotonic() > self._told + 60:
            self._told = time.monotonic()
            self.say(f"waits: {dict(states)}")
        return states["deferred"] == self.waits.count

    def be_calm(self) -> None:
        """Measure what it takes to wait."""
        before = self.usage()
        time.sleep(CALM_SECONDS)
        self.say(f"{CALM_SECONDS:.0f} s in which nothing but waiting happens:")
        self._table(self.usage().since(before))

    def prepare_ingests(self) -> None:
        """Let jobs end of their own again, let uploads take their time, and fill the bucket."""
        self.control.ask("POST", "settings", job_seconds=JOB_SECONDS)
        slow = {"operation": "storage_put", "times": 100_000, "action": {"delay": PUT_SECONDS}}
        self.control.ask("POST", "faults", **slow)
        client = boto3.client("s3", endpoint_url=self.theatre.stage.s3_url, region_name="us-east-1")
        for path, key in zip(self.work.images, self.uploads, strict=True):
            client.upload_file(path, demo.BUCKET, key)

    def events(self) -> list[tuple[str, Callable[[], object], Callable[[], object]]]:
        """Return what is killed: how it goes, and how it comes back."""
        services, database = self.cluster.services, self.theatre.postgres
        whole = {"a worker": "worker-1", "a triggerer": "triggerer-1", "a scheduler": "scheduler-1"}
        whole |= {"Redis": "redis", "the API server": "api-server"}
        killed = [(what, services[name].kill, services[name].start) for what, name in whole.items()]
        worker = services["worker-2"]
        return [
            *killed,
            ("the main process of a worker", partial(worker.kill, whole=False), worker.start),
            ("PostgreSQL", database.stop, database.start),
        ]

    def let_happen(self, what: str, happen: Callable[[], object], end: Callable[[], object]) -> None:
        """End some jobs before, while and after something is gone; then wait until their tasks have ended."""
        share = -(-self.waits.count // len(self.events()))
        self._keep_ingesting()
        self.waits.end(share // 3)
        self.theatre.tell(f"{what} goes")
        happen()
        gone = time.monotonic()
        self.waits.end(share // 3)
        time.sleep(max(0.0, GONE_SECONDS - (time.monotonic() - gone)))
        end()
        self.waits.end(share - 2 * (share // 3))
        seconds = self.cluster.until(lambda: self.waits.states()["success"] >= len(self.waits.ended), 600)
        told = "not all of them within 600 s" if seconds is None else f"all of them {seconds:.0f} s later"
        self.say(f"{what} was killed: {len(self.waits.ended)} jobs ended, tasks: {told}")

    def _keep_ingesting(self) -> None:
        for dag_id in INGESTS:
            runs = self.cluster.states(dag_id)
            if any(state in UNFINISHED for state in runs.values()):
                continue
            self.ingests.append((dag_id, f"{dag_id}-{len(runs) + 1}"))
            if error := self.cluster.order("trigger", dag_id=dag_id, run_id=self.ingests[-1][1]):
                raise RuntimeError(error)

    def finish(self, patience: float) -> None:
        """Wait until all runs have ended."""
        self.control.ask("DELETE", "faults")
        dags = ["waits", *INGESTS]
        self.cluster.until(lambda: not any(self._unfinished(dag_id) for dag_id in dags), min(patience, 900))

    def _unfinished(self, dag_id: str) -> list[str]:
        return [run for run, state in self.cluster.states(dag_id).items() if state in UNFINISHED]

    def count(self) -> list[str]:
        """Show what there is in the end; return what is bad."""
        encord = self.theatre.folder / "encord" / "encord.sqlite3"
        places = [self.waits.place, *(place for _, run in self.ingests for place in self._places(run))]
        counted = tally.count(encord, places, lasts=True)
        key = (self.theatre.folder / "demo_key").read_text()
        postgres.dump(self.theatre.socket, self.theatre.logs / "airflow.sql")
        found = list(leaks.find([self.theatre.logs], leaks.secrets_of(key)))
        rows = self.cluster.ask("SELECT dag_id, run_id, task_id, map_index, state FROM task_instance")
        ended_badly = [row for row in rows if row[-1] in ("failed", "upstream_failed", "skipped")]
        unended = [row for row in rows if row[-1] not in ("success", "failed", "upstream_failed", "skipped")]
        [(tries,)] = self.cluster.ask("SELECT sum(try_number) FROM task_instance")
        second_jobs = max(0, len(self.waits.jobs()) - self.waits.count)
        table = {
            "Airflow": f"{VERSION}, CeleryExecutor, PostgreSQL, Redis",
            "seconds": round(time.monotonic() - self.theatre.began),
            "deferred waits": self.waits.count,
            "runs of ingest DAGs": len(self.ingests),
            "task instances": f"{len(rows)}, tries {tries}",
            **{f"from the end of a job until {what}": spread(took) for what, took in self.waits.latencies()},
            "items expected": counted.expected,
            "items present": counted.present,
            "items duplicated": len(counted.duplicated),
            "items lost": len(counted.lost),
            "second jobs of waits": second_jobs,
            "tasks failed": len(ended_badly),
            "tasks stuck": len(unended),
            "leaks": len(found),
        }
        self._table(table)
        for title, findings in (("Duplicated", counted.duplicated), ("Lost", counted.lost), ("Leaks", found)):
            for each in findings:
                print(f"  {title}: {each}")
        for row in [*ended_badly, *unended]:
            print("  Not successful:", *row)
        wrong = {
            "items lost": len(counted.lost),
            "items duplicated": len(counted.duplicated),
            "second jobs": second_jobs,
            "tasks failed": len(ended_badly),
            "tasks stuck": len(unended),
            "leaks": len(found),
        }
        return [f"{number} {what}" for what, number in wrong.items() if number]

    def _places(self, run: str) -> list[Place]:
        work = self.work
        shelf = [item["title"] for items in work.manifest.values() for item in items]
        return [
            Place("dataset", run, (*names(work.images), *names(work.videos)), shelf),
            Place("folder", run, names(work.images), work.keys),
        ]

    def usage(self) -> Usage:
        """Measure all services."""
        pids = {name: service.pid for name, service in self.cluster.services.items()}
        return Usage.of({**pids, "postgresql": self.theatre.postgres.process.pid})

    def _table(self, rows: dict[str, object] | dict[str, str]) -> None:
        for name, value in rows.items():
            self.theatre.tell(f"  {name}: {value}")
            print(f"  {name + ':':<45} {value}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
