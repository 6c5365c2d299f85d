"""An ingest for production: few at a time, patient where that helps, and it tells when it fails or is late.

- **Pool**: tasks that share one take turns. Make it, and name it below:
  `airflow pools set encord 4 "Tasks that talk to Encord"`.
- **Retries**: what no retry can cure fails at once, the provider sees to that. With Airflow 3.3, the policy below waits
  longer where Encord asks for it.
- **Failure**: the callback gets the exception, which knows connection, host, dataset, jobs, HTTP status and trace id.
- **Late**: with Airflow 3.1, a mail goes out if a run is not done two hours after it was queued. It needs a connection
  `smtp_default`.

Needs the extra `s3`, the connection `encord_default`, a connection of the bucket, and an `integration` in Encord that
may read it.

Airflow 2.11 and later.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

log = logging.getLogger(__name__)

POOL = "default_pool"  # a task whose pool does not exist waits for ever

try:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

    LATE: dict[str, Any] = {
        "deadline": DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=2),
            callback=AsyncCallback(
                SmtpNotifier,
                kwargs={
                    "from_email": "airflow@example.com",
                    "to": "team@example.com",
                    "subject": "Late: {{ dag_run.dag_id }}",
                    "html_content": "Run {{ dag_run.dag_run_id }} is not done yet.",
                },
            ),
        )
    }
except ImportError:  # before Airflow 3.1
    LATE = {}

try:
    from airflow.sdk import ExceptionRetryPolicy, RetryRule

    PATIENCE: dict[str, Any] = {
        "retry_policy": ExceptionRetryPolicy(
            rules=[
                RetryRule(
                    exception="airflow_provider_encord.exceptions.EncordRateLimitError",
                    retry_delay=timedelta(minutes=15),
                    reason="Encord gets too many requests",
                ),
            ]
        )
    }
except ImportError:  # before Airflow 3.3
    PATIENCE = {}


def tell(context: Any) -> None:
    """Tell the team what failed, and what Encord said: here in the log, elsewhere in a chat or a ticket."""
    error = context["exception"]
    names = ("conn_id", "host", "dataset_hash", "job_ids", "http_status", "trace_id") if is_ours(error) else ()
    known = {name: value for name in names if (value := getattr(error, name))}
    log.error("%s failed with %s: %s. Known: %s", context["ti"].task_id, type(error).__name__, error, known)


def is_ours(error: Any) -> bool:
    """Whether it knows what it is about."""
    return isinstance(error, EncordError)


@dag(
    description="Register what is new, with a pool, retries, and alerts",
    doc_md=__doc__,
    schedule=None,  # "@hourly" once it runs well
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["encord", "example"],
    default_args={
        "pool": POOL,
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "on_failure_callback": tell,
        **PATIENCE,
    },
    params={
        "dataset": Param("bucket", type="string", description="Title of the dataset"),
        "prefix": Param("s3://my-bucket/incoming/", type="string", description="Where new objects arrive"),
        "connection": Param("aws_default", type="string", description="Airflow connection of the bucket"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
    **LATE,
)
def encord_watched_ingest() -> None:
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.dataset }}", if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output
    S3ToEncordOperator(
        task_id="register_new",
        dataset_hash=dataset_hash,
        integration="{{ params.integration }}",
        prefix="{{ params.prefix }}",
        aws_conn_id="{{ params.connection }}",
        deferrable=True,
    )


encord_watched_ingest()
