"""Pages of a list. The next one begins after the last row shown, so that a page costs the same however far it is."""

import base64
import binascii
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from airflow_provider_encord.emulator import rest
from airflow_provider_encord.emulator.errors import Unprocessable
from airflow_provider_encord.emulator.store import Store

LARGEST_PAGE = 1000


def fetch(
    store: Store, call: rest.Call, sql: str, values: Sequence[Any], orders: dict[str, str]
) -> tuple[list[sqlite3.Row], str | None]:
    """Return the page that a request asks for, and the token of the next one.

    :param sql: a SELECT that ends with its conditions, of which there is at least one
    :param orders: ``order`` in the query -> column; the first is the default
    """
    order = call.query.get("order", next(iter(orders)))
    if order not in orders:
        raise Unprocessable("query", "order", f"value is none of: {', '.join(orders)}")
    column, size = orders[order], call.number("pageSize", 100, 1, LARGEST_PAGE)
    sign, direction = ("<", "DESC") if call.flag("desc") else (">", "ASC")
    after = _read(call.query.get("pageToken"))
    if after:
        sql += f" AND ({column}, uuid) {sign} (?, ?)"
        values = (*values, *after)
    rows = store.all(f"{sql} ORDER BY {column} {direction}, uuid {direction} LIMIT ?", (*values, size + 1))
    more = len(rows) > size
    return rows[:size], _token(rows[size - 1][column], rows[size - 1]["uuid"]) if more else None


def page(results: list[Any], token: str | None = None) -> dict[str, Any]:
    """Return a page in the form of v2."""
    return {"results": results, "nextPageToken": token}


def _token(*after: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode()


def _read(token: str | None) -> tuple[Any, str] | None:
    if token is None:
        return None
    try:
        value, uuid = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error) as error:
        raise Unprocessable("query", "pageToken", "value is not a token that was handed out") from error
    return value, uuid
