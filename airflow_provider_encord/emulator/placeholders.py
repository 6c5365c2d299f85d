"""Items of folders that are announced and not there yet."""

import json
from collections.abc import Sequence

from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.item_rows import KINDS, item_row
from airflow_provider_encord.emulator.store import Store

_DATA_TYPES = {item_type: data_type for data_type, item_type in KINDS.items()}


class Placeholders:
    """Makes items of what was promised with upload URLs. When that is, a setting says."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def announce(self, names: Sequence[str]) -> None:
        """Make items that are placeholders of what was promised to folders and is not there yet."""
        promised = self._store.all(
            "SELECT * FROM objects WHERE folder IS NOT NULL AND uuid IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM items WHERE items.uuid = objects.uuid)",
            (json.dumps(list(names)),),
        )
        self._store.insert(
            "items",
            [
                item_row(
                    row["uuid"],
                    owner=row["owner"],
                    folder=row["folder"],
                    data_type=_DATA_TYPES[row["type"]],
                    title=row["key"].rpartition("/")[2],
                    url=row["key"],
                    identity=row["key"],
                    placeholder=True,
                    now=self._clock.time(),
                )
                for row in promised
            ],
        )
