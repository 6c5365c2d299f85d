"""From S3 to Encord: lists any number of keys, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

if TYPE_CHECKING:
    from airflow_provider_encord._storage.listing import StoredObject


def _s3_prefix(value: Any, name: str) -> str:
    text = str(arguments.path(value, name))
    if not re.match(r"s3://[^/]", text):
        raise arguments.refuse(name, value, "a URL such as 's3://bucket/prefix'")
    return text


class S3ToEncordOperator(BucketToEncordOperator):
    """Register the new objects below an S3 prefix in a dataset or folder; millions of keys in bounded memory.

    All else is as in :class:`.BucketToEncordOperator`. Needs the extra ``s3``.

    .. seealso:: :ref:`howto/operator:S3ToEncordOperator`

    :param prefix: ``s3://bucket/prefix``; it need not end at a folder (templated).
    :param aws_conn_id: Airflow connection of type ``aws``, if ``prefix`` does not name one, as
        ``s3://my_aws@bucket/prefix`` does (templated).
    """

    template_fields: Sequence[str] = (*BucketToEncordOperator.template_fields, "aws_conn_id")
    checks: ClassVar[dict[str, Check]] = {
        **{name: check for name, check in BucketToEncordOperator.checks.items() if name != "source_conn_id"},
        "prefix": _s3_prefix,
        "aws_conn_id": arguments.optional(arguments.conn_id),
    }

    def __init__(self, *, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        if "source_conn_id" in kwargs:
            raise EncordInputError("S3ToEncordOperator takes aws_conn_id, not source_conn_id.")
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.check_literals()

    def objects(self) -> Iterator[StoredObject]:
        """Yield the objects below the prefix, page by page."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        from airflow_provider_encord._storage.grouping import bucket_and_key
        from airflow_provider_encord._storage.listing import StoredObject

        bucket, prefix = bucket_and_key(self.prefix)
        own_conn_id = self.prefix.removeprefix("s3://").partition("/")[0].rpartition("@")[0]
        pages = S3Hook(own_conn_id or self.aws_conn_id).get_conn().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                url = f"s3://{bucket}/{entry['Key']}"
                yield StoredObject(url, bucket, entry["Key"], entry["Size"], entry["LastModified"])
