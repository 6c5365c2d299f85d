import json
import os

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.hooks.encord import EncordHook

with LocalEncord() as encord:
    os.environ["AIRFLOW_CONN_ENCORD_DEFAULT"] = json.dumps(
        {"conn_type": "encord", "host": encord.url, "extra": {"ssh_private_key": encord.private_key}}
    )
    made = EncordHook().create_dataset("Tried out")
    print(made.dataset_hash, encord.state())
