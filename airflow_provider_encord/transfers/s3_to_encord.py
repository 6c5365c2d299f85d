"""From S3 to Encord: the transfer from any bucket, with the names of the amazon provider."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator


def _s3_prefix(value: Any, name: str) -> Any:
    taken = arguments.path(value, name)
    if not re.match(r"s3://[^/]", str(taken)):
        raise arguments.refuse(name, value, "a URL such as 's3://bucket/prefix'")
    return taken


class S3ToEncordOperator(BucketToEncordOperator):
    """Register the new objects below an S3 prefix in a dataset or folder; millions of keys in bounded memory.

    All else is as in :class:`.BucketToEncordOperator`. Needs the extra ``s3``.

    .. seealso:: :ref:`howto/operator:S3ToEncordOperator`

    :param prefix: ``s3://bucket/prefix``; it need not end at a folder (templated).
    :param aws_conn_id: Airflow connection of type ``aws``, if ``prefix`` does not name one, as
        ``s3://my_aws@bucket/prefix`` does (templated).
    """

    custom_operator_name = "S3 to Encord"
    template_fields: Sequence[str] = (*BucketToEncordOperator.template_fields, "aws_conn_id")
    checks: ClassVar[dict[str, Check]] = {
        **{name: check for name, check in BucketToEncordOperator.checks.items() if name != "source_conn_id"},
        "prefix": _s3_prefix,
        "aws_conn_id": arguments.optional(arguments.conn_id),
    }
    prefix_is_folder = False

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        if "source_conn_id" in kwargs:
            raise EncordInputError(
                "S3ToEncordOperator takes aws_conn_id, not source_conn_id: write "
                f"aws_conn_id={shown(kwargs['source_conn_id'])}, or use BucketToEncordOperator."
            )
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.check_literals()

    @property
    def store_conn_id(self) -> str | None:
        """The connection of the store."""
        return self.aws_conn_id
