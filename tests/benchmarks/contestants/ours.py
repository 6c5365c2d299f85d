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
    connection = {"conn_type": "encord", "host": task["url"], "extra": {"ssh_key_file": str(KEY)}}
    os.environ["AIRFLOW_CONN_ENCORD_DEFAULT"] = json.dumps(connection)
    from airflow_provider_encord._client.transport.network import tls_context
    from airflow_provider_encord._storage.files import find_files
    from airflow_provider_encord.hooks.encord import EncordHook

    hook = EncordHook()
    hook.settings  # noqa: B018
    tls_context()
    more = {name: task[name] for name in ("max_workers", "folder_uuid") if task.get(name)}

    def work() -> None:
        outcomes = hook.put_files(find_files(task["paths"]), task["item_type"], **more)
        if failed := [outcome for outcome in outcomes if outcome.error]:
            raise SystemExit(f"{len(failed)} failed: {failed[0].error}")

    print(json.dumps(measured(work)))


main()
