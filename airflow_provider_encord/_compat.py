"""Names of Airflow that moved between 2.11 and 3.3, imported in one place.

The common-compat provider would do the same, but the constraints of Airflow 3.0 pin a release without its ``sdk``
module, so this provider could not be installed there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import (
        Asset,
        BaseHook,
        BaseOperator,
        BaseOperatorLink,
        BaseSensorOperator,
        Context,
        ObjectStoragePath,
    )
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )
    from airflow.sdk.log import mask_secret
else:
    try:
        from airflow.sdk.configuration import conf
    except ImportError:
        from airflow.configuration import conf
    try:
        from airflow.sdk.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )
    except ImportError:
        from airflow.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowSkipException,
        )
    try:
        from airflow.sdk import Asset, BaseOperator, BaseOperatorLink, BaseSensorOperator, Context, ObjectStoragePath
        from airflow.sdk.log import mask_secret
    except ImportError:
        from airflow.datasets import Dataset as Asset
        from airflow.io.path import ObjectStoragePath
        from airflow.models import BaseOperator, BaseOperatorLink
        from airflow.sensors.base import BaseSensorOperator
        from airflow.utils.context import Context
        from airflow.utils.log.secrets_masker import mask_secret
    try:
        from airflow.sdk import BaseHook
    except ImportError:
        from airflow.hooks.base import BaseHook


_MASKERS = (
    "airflow.sdk._shared.secrets_masker",  # 3.1 and later
    "airflow.sdk.execution_time.secrets_masker",  # 3.0
    "airflow.utils.log.secrets_masker",  # 2.11
)


def mask_secrets(secrets: Collection[str]) -> None:
    """Register secrets for masking, in this process and in the one that writes the task's log.

    In ``dag.test`` both are one process. There Airflow would print the message at debug level, so none is sent.
    """
    if type(_supervisor()).__name__ == "InProcessSupervisorComms":
        _mask_here(secrets)
    else:
        mask_secret(list(secrets))


async def mask_secrets_async(secrets: Collection[str]) -> None:
    """Register secrets for masking from an event loop; before 3.3, Airflow cannot inform other processes from there."""
    _mask_here(secrets)
    if (comms := _supervisor()) is None or type(comms).__name__ == "InProcessSupervisorComms":
        return
    try:
        from airflow.sdk.log import amask_secret
    except ImportError:
        return
    await amask_secret(list(secrets))


def _supervisor() -> Any:
    task_runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(task_runner, "SUPERVISOR_COMMS", None)


def _mask_here(secrets: Collection[str]) -> None:
    # The public functions of Airflow 3 also send a message, so this calls the masker itself.
    for module in _MASKERS:
        with suppress(ImportError):
            import_module(module)._secrets_masker().add_mask(list(secrets))
            return


async def get_connection_async(conn_id: str) -> Any:
    """Look up a connection from an event loop.

    Airflow 3.1 and later have a method for it, but not in ``dag.test``, where the supervisor only answers blocking
    calls. There, and on older releases, the lookup runs on asgiref's shared thread: another thread would race with
    Airflow's own calls on the triggerer's channel.
    """
    supervisor = _supervisor()
    if hasattr(BaseHook, "aget_connection") and (supervisor is None or hasattr(supervisor, "asend")):
        return await BaseHook.aget_connection(conn_id)
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection)(conn_id)


def is_undefined(conn_id: str) -> bool:
    """Whether a connection that Airflow did not find surely does not exist.

    Airflow skips a secrets backend that fails, and then says that a connection in it "isn't defined".
    """
    try:
        for backend in _secrets_backends():
            if type(backend).__name__ == "ExecutionAPISecretsBackend":  # it skips failures too
                from airflow.sdk.execution_time.comms import GetConnection

                error = getattr(_supervisor().send(GetConnection(conn_id=conn_id)), "error", None)
                if error is not None and error.value != "CONNECTION_NOT_FOUND":
                    return False
            else:
                backend.get_connection(conn_id)
    except Exception:  # a backend may raise anything
        return False
    return True


def _secrets_backends() -> list[Any]:
    try:
        from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded
    except ImportError:
        from airflow.configuration import ensure_secrets_loaded

        return list(ensure_secrets_loaded())
    return list(ensure_secrets_backend_loaded())


def hook_lineage() -> tuple[Callable[..., None], Callable[..., None]] | None:
    """Return what adds an input and an output to Airflow's hook-level lineage; None if no plugin reads that.

    It is also None outside a task: lineage is read when a task ends, and to ask is to load all of Airflow's plugins,
    which a task has done already.
    """
    if not _in_task():
        return None
    try:
        from airflow.sdk.lineage import get_hook_lineage_collector
    except ImportError:
        get_hook_lineage_collector = import_module("airflow.lineage.hook").get_hook_lineage_collector
    collector: Any = get_hook_lineage_collector()
    if type(collector).__name__ == "NoOpCollector":
        return None
    if hasattr(collector, "add_input_asset"):
        return collector.add_input_asset, collector.add_output_asset
    return collector.add_input_dataset, collector.add_output_dataset  # Airflow 2


def _in_task() -> bool:
    try:
        from airflow.sdk import get_current_context
    except ImportError:
        get_current_context = import_module("airflow.operators.python").get_current_context
    try:
        get_current_context()
    except (RuntimeError, AirflowException):  # the latter before Airflow 3
        return False
    return True


__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "Asset",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "Context",
    "ObjectStoragePath",
    "conf",
    "get_connection_async",
    "hook_lineage",
    "is_undefined",
    "mask_secrets",
    "mask_secrets_async",
]
