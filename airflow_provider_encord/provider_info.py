"""The provider's metadata for Airflow. Literals only: Airflow reads this while it is still starting up."""

from __future__ import annotations

from typing import Any

CONNECTION_FIELDS: dict[str, dict[str, Any]] = {
    "ssh_private_key": {
        "label": "SSH private key",
        "description": "Ed25519 private key in OpenSSH format, all its lines. The public half is registered in Encord.",
        "schema": {"type": ["string", "null"], "format": "multiline"},
    },
    "ssh_key_file": {
        "label": "SSH key file",
        "description": "Instead of the key: path of the key file on every worker and triggerer.",
        "schema": {"type": ["string", "null"]},
    },
    "passphrase": {
        "label": "Passphrase",
        "description": "Only if the key is protected by one.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "token": {
        "label": "Bearer token",
        "description": "Instead of a key: a token from Encord.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "api_key": {
        "label": "Dataset API key",
        "description": "Instead of a key: an API key of one dataset; set its dataset hash too.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "dataset_hash": {
        "label": "Dataset hash of the API key",
        "description": "Only with a dataset API key.",
        "schema": {"type": ["string", "null"]},
    },
    "connect_timeout": {
        "label": "Connect timeout",
        "description": "Seconds to open a connection; empty: 30.",
        "schema": {"type": ["integer", "null"]},
    },
    "read_timeout": {
        "label": "Read timeout",
        "description": "Seconds to wait for the next data of an answer; empty: 60.",
        "schema": {"type": ["integer", "null"]},
    },
}

FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema", "login", "password"],
    "relabeling": {"host": "Encord domain", "port": "Port"},
    "placeholders": {
        "host": "https://api.encord.com (default), https://api.us.encord.com, or your own",
        "port": "443; without it, Airflow 3.3 refuses to test",
        "ssh_private_key": "-----BEGIN OPENSSH PRIVATE KEY----- ...",
    },
}


ASSET_URIS: list[dict[str, Any]] = [
    {
        "schemes": ["encord"],
        "handler": "airflow_provider_encord.assets.encord.sanitize_uri",
        "factory": "airflow_provider_encord.assets.encord.create_asset",
        "to_openlineage_converter": "airflow_provider_encord.assets.encord.convert_asset_to_openlineage",
    }
]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata. Airflow shows the version of the distribution."""
    return {
        "package-name": "airflow-provider-encord",
        "name": "Encord",
        "description": "Datasets for annotation in Encord: create, upload, register, re-encode, delete, wait.",
        "integrations": [
            {"integration-name": "Encord", "external-doc-url": "https://docs.encord.com/", "tags": ["service"]}
        ],
        "hooks": [{"integration-name": "Encord", "python-modules": ["airflow_provider_encord.hooks.encord"]}],
        "operators": [
            {
                "integration-name": "Encord",
                "python-modules": [
                    "airflow_provider_encord.operators.data_rows",
                    "airflow_provider_encord.operators.datasets",
                    "airflow_provider_encord.operators.folders",
                    "airflow_provider_encord.operators.private_data",
                    "airflow_provider_encord.operators.reencode",
                    "airflow_provider_encord.operators.uploads",
                ],
            }
        ],
        "sensors": [{"integration-name": "Encord", "python-modules": ["airflow_provider_encord.sensors.encord"]}],
        "transfers": [
            {
                "source-integration-name": "Amazon Simple Storage Service (S3)",
                "target-integration-name": "Encord",
                "python-module": "airflow_provider_encord.transfers.s3_to_encord",
            },
            {
                "source-integration-name": "Object storage",
                "target-integration-name": "Encord",
                "python-module": "airflow_provider_encord.transfers.bucket_to_encord",
            },
            {
                "source-integration-name": "Encord",
                "target-integration-name": "Object storage",
                "python-module": "airflow_provider_encord.transfers.encord_to_storage",
            },
        ],
        "triggers": [
            {
                "integration-name": "Encord",
                "python-modules": [
                    "airflow_provider_encord.triggers.encord",
                    "airflow_provider_encord.triggers.folders",
                ],
            }
        ],
        "asset-uris": ASSET_URIS,
        "dataset-uris": ASSET_URIS,  # what Airflow 2 calls them
        "connection-types": [
            {
                "connection-type": "encord",
                "hook-class-name": "airflow_provider_encord.hooks.encord.EncordHook",
                "hook-name": "Encord",
                "ui-field-behaviour": FIELD_BEHAVIOUR,
                "conn-fields": CONNECTION_FIELDS,
            }
        ],
        "extra-links": ["airflow_provider_encord.links.encord.EncordDatasetLink"],
    }
