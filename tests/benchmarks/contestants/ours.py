"""Uploads as the operators of this provider do."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.benchmarks.contestants import measured

KEY = Path(__file__).parents[2] / "data" / "keys" / "TEST_ONLY_ed25519"


def main() -> None:
    """Upload what standard input tells."""
    task = json.load(sys.stdin)
    sys.path.insert(0, task["package"])
    connection = {"conn_type": "encord", "host": task["url"], "extra": {"ssh_private_key": KEY.read_text()}}
    os.environ["AIRFLOW_CONN_ENCORD_DEFAULT"] = json.dumps(connection)
    try:
        from airflow_provider_encord._client.transport.network import tls_context
        from airflow_provider_encord._storage.files import find_files
    except ImportError:  # an earlier version
        from airflow_provider_encord.sources import find_files
        from airflow_provider_encord.transport.network import tls_context
    from airflow_provider_encord.hooks.encord import EncordHook

    hook = EncordHook()
    hook.settings  # noqa: B018
    tls_context()
    find_files(task["paths"][:1])  # imports what reads from a bucket
    more = {name: task[name] for name in ("max_workers", "folder_uuid") if task.get(name)}

    def work() -> None:
        outcomes = hook.put_files(find_files(task["paths"]), task["item_type"], **more)
        if failed := [outcome for outcome in outcomes if outcome.error]:
            raise SystemExit(f"{len(failed)} failed: {failed[0].error}")

    print(json.dumps(measured(work)))


main()
