"""Links from a task's page to Encord."""

from __future__ import annotations

from typing import Any

from airflow_provider_encord._client.regions import app_of
from airflow_provider_encord._compat import BaseOperatorLink

XCOM_KEY = "encord_dataset_url"


def dataset_url(domain: str, dataset_hash: str) -> str:
    """Return the address of a dataset in Encord's web app."""
    return f"{app_of(domain)}/datasets/view/{dataset_hash}"


class EncordDatasetLink(BaseOperatorLink):
    """Opens the dataset in Encord's web app."""

    name = "Open in Encord"

    @property
    def xcom_key(self) -> str:
        """The key of the XCom with the address."""
        return XCOM_KEY

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address that the task pushed, or an empty string if it did not get that far."""
        try:
            from airflow.sdk.execution_time.xcom import XCom
        except ImportError:
            from airflow.models import XCom  # type: ignore[no-redef, attr-defined, unused-ignore]
        return XCom.get_value(key=XCOM_KEY, ti_key=ti_key) or ""
