"""Checks of arguments: one for each kind, with one wording, for operators, sensors and the hook.

A check gets a value and the name of the argument, and returns the value to use, or raises :class:`.EncordInputError`.
Operators have one check for each argument in ``checks``. Literals are checked when the DAG is parsed, rendered values
before the first request.
"""

from __future__ import annotations

import ast
import json
import os
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import PurePath
from typing import Any

from airflow_provider_encord._client.outgoing import LARGEST_NUMBER
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord.exceptions import EncordInputError

Check = Callable[[Any, str], Any]
JobIds = list[str | int]

LONGEST_SECONDS = 10 * 365 * 86400.0
SHORTEST_SECONDS = 0.001
DATA_TYPES = (
    "VIDEO",
    "IMAGE",
    "IMG_GROUP",
    "DICOM",
    "DICOM_STUDY",
    "NIFTI",
    "AUDIO",
    "PDF",
    "PLAIN_TEXT",
    "SCENE",
    "TIMESERIES",
    "GROUP",
)

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_LOOKS_LIKE_MANY = ("[", "{", "(", "<", "LazySelectSequence(")
_TEMPLATE_MARKS = ("{{", "{%", "{#")
_NATIVE = "Pass upstream.output['...'] itself, or set render_template_as_native_obj=True on the DAG."


def refuse(name: str, value: Any, taken: str, cure: str = "") -> EncordInputError:
    """Return the error for a wrong argument.

    :param taken: what it must be, such as ``a list of data hashes``.
    :param cure: a sentence that says what to do, if the value shows it.
    """
    if isinstance(value, str) and value.lstrip().startswith(_LOOKS_LIKE_MANY) and not is_template(value):
        cure = cure or _NATIVE
    elif value is None:
        cure = cure or "It is None: an upstream task returned nothing, or the XCom has another name."
    elif isinstance(value, str) and value.strip() in ("None", "none", "null"):
        cure = cure or "A template rendered None: an upstream task returned nothing."
    elif is_template(value):
        cure = cure or "The template was not rendered: this argument is not templated, or the DAG does not run."
    return EncordInputError(" ".join(part for part in (f"{name} must be {taken}, not {shown(value)}.", cure) if part))


def is_template(value: Any) -> bool:
    """Whether a value is known only when the task runs: it is or holds a template or an upstream task's output."""
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATE_MARKS)
    if hasattr(value, "iter_references"):  # an XComArg
        return True
    if isinstance(value, Mapping):
        return any(map(is_template, value.values()))
    return isinstance(value, list | tuple | set) and any(map(is_template, value))


NOT_GIVEN = object()
_PULLED = re.compile(r"task_ids\s*=\s*\[?\s*[\"']([\w.-]+)[\"']")


def producers(value: Any) -> list[str]:
    """Return the ids of the tasks that a template or an upstream task's output names."""
    if isinstance(value, str):
        return _PULLED.findall(value)
    if hasattr(value, "iter_references"):
        return [operator.task_id for operator, _ in value.iter_references()]
    return []


# -- combining checks -----------------------------------------------------------------------------------------------


def optional(check: Check) -> Check:
    """Return a check that accepts None too."""
    return lambda value, name: None if value is None else check(value, name)


def list_of(check: Check, what: str, *, may_be_empty: bool = False) -> Check:
    """Return a check for one value or several.

    Taken are lists, tuples, arrays, columns, generators, what Airflow gives for the XComs of mapped tasks, and a list
    as JSON or Python text, which is what a template makes of a list.

    :param check: of each element.
    :param what: elements in the plural, such as ``data hashes``.
    """

    def checked(value: Any, name: str) -> list[Any]:
        several = elements(value)
        taken = f"{what}: one, or a list of them"
        if several is None:
            raise refuse(name, value, taken)
        found = [check(each, f"{name}[{at}]" if len(several) > 1 else name) for at, each in enumerate(several)]
        if not found and not may_be_empty:
            raise refuse(name, value, taken, "It is empty; leave it out if there is nothing to say.")
        return found

    return checked


def joined(check: Check) -> Check:
    """Return a check that also takes the output of mapped tasks: lists or reports in a list, joined in order.

    :param check: of one value, list or report; returns a list.
    """

    def checked(value: Any, name: str) -> list[Any]:
        parts = None if isinstance(value, Mapping) else elements(value)
        if parts is None or not any(map(_is_part, parts)):
            return list(check(value if isinstance(value, str) or parts is None else parts, name))
        for at, part in enumerate(parts):
            if not _is_part(part):
                raise refuse(f"{name}[{at}]", part, "a list or a report, like others in this list")
        return [item for at, part in enumerate(parts) for item in check(part, f"{name}[{at}]")]

    return checked


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) or hasattr(value, "tolist")


def elements(value: Any) -> list[Any] | None:
    """Return the elements of any kind of list, or a single string or number as a list of one; None for other values."""
    if isinstance(value, str):
        parsed = parsed_text(value)
        return list(parsed) if isinstance(parsed, list | tuple) else [value]
    if isinstance(value, bytes | bytearray | Mapping | set | frozenset | bool | type) or value is None:
        return None
    if isinstance(value, int | float | os.PathLike) or is_object_storage_path(value):
        return [value]
    if hasattr(value, "tolist"):  # numpy, pandas
        plain = value.tolist()
        return plain if isinstance(plain, list) else [plain]
    if isinstance(value, Iterable):
        return list(value)
    return [value] if hasattr(value, "hex") else None  # a UUID


def parsed_text(text: str) -> Any:
    """Return the list or dict in a string, written as JSON or Python; None if there is none."""
    stripped = text.strip()
    if stripped[:1] not in ("[", "{", "("):
        return None
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(stripped)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def is_object_storage_path(value: Any) -> bool:
    """Whether it is an ``ObjectStoragePath``, which brings its own connection."""
    return hasattr(value, "fs") and hasattr(value, "path")


# -- strings --------------------------------------------------------------------------------------------------------

_NEVER_IN_TEXT = re.compile("[\x00\ud800-\udfff]")
_CONN_ID = re.compile(r"[\w#!()\-.:/\\]{1,250}")  # the ids that Airflow allows


def text(value: Any, name: str) -> str:
    """Check a string that is not empty."""
    if not isinstance(value, str):
        cure = ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            cure = f"Write it as a string: {str(value)!r}; with native rendering, give a template quotes of its own."
        raise refuse(name, value, "a string", cure)
    if not value.strip():
        raise refuse(name, value, "a string that is not empty")
    return free_text(value, name)


def pattern(value: Any, name: str) -> str:
    """Check the string of a filter: an empty one would find more than was asked for."""
    if isinstance(value, str) and not value.strip():
        raise refuse(name, value, "a string that is not empty", "Leave the filter out to find everything.")
    return text(value, name)


def free_text(value: Any, name: str) -> str:
    """Check a string that may be empty."""
    if not isinstance(value, str):
        raise refuse(name, value, "a string")
    if value.strip() == "None":
        raise refuse(name, value, "a string other than 'None'")
    if _NEVER_IN_TEXT.search(value):
        raise refuse(name, value, "a string without NUL and lone surrogates")
    return value


def conn_id(value: Any, name: str) -> str:
    """Check the id of an Airflow connection."""
    if not _CONN_ID.fullmatch(given := text(value, name)):
        raise refuse(name, value, "the id of an Airflow connection")
    return given


def one_of(*allowed: str) -> Check:
    """Return a check for one of these strings."""

    def checked(value: Any, name: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise refuse(name, value, f"one of {', '.join(allowed)}")
        return value

    return checked


def data_type(value: Any, name: str) -> str:
    """Check a data type such as ``VIDEO``, in upper or lower case; unknown types are sent too."""
    given = getattr(value, "value", value)
    kind = given.strip().upper() if isinstance(given, str) else ""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]{2,}", kind) or kind in ("NONE", "NULL"):
        raise refuse(name, value, f"a data type such as {', '.join(DATA_TYPES[:3])}")
    return kind


ITEM_TYPES = (
    "video",
    "image",
    "imageGroup",
    "imageSequence",
    "dicomFile",
    "dicomSeries",
    "nifti",
    "audio",
    "pdf",
    "plainText",
    "timeseries",
    "scene",
    "group",
)
_ITEM_TYPES = {each.lower(): each for each in ITEM_TYPES}


def item_type(value: Any, name: str) -> str:
    """Take a kind of items in storage such as ``imageGroup``, in any case; an unknown one is sent as it is."""
    given = getattr(value, "value", value)
    kind = given.strip() if isinstance(given, str) else ""
    if not re.fullmatch(r"[A-Za-z]{3,50}", kind) or kind.lower() in ("none", "null"):
        raise refuse(name, value, f"a kind of items such as {', '.join(ITEM_TYPES[:3])}")
    return _ITEM_TYPES.get(kind.lower(), kind)


# -- ids ------------------------------------------------------------------------------------------------------------


def uuid_text(what: str, cure: str = "") -> Check:
    """Return a check for a UUID: a string, which may have blanks around it, or a ``UUID``."""

    def checked(value: Any, name: str) -> str:
        given = value.strip() if isinstance(value, str) else str(value) if hasattr(value, "hex") else ""
        if not _UUID.fullmatch(given):
            raise refuse(name, value, f"{what}, such as '8f2e1c5a-0b1c-4d2e-9f3a-5b6c7d8e9f00'", cure)
        return given

    return checked


def dataset_hash(value: Any, name: str) -> str:
    """Take the hash of a dataset, or the report of a task of ours that names one."""
    several = None if isinstance(value, str | Mapping) else elements(value)
    if several is not None and len(several) > 1:
        cure = f"There are {len(several)}, as from mapped tasks. Name one dataset."
        raise refuse(name, several, "the hash of one dataset", cure)
    (value,) = several or [value]
    if isinstance(value, Mapping) and isinstance(value.get("dataset_hash"), str):
        value = value["dataset_hash"]
    return str(uuid_text("the hash of a dataset", _title_cure(value))(value, name))


def _title_cure(value: Any) -> str:
    given = isinstance(value, str) and value.strip() not in ("", "None") and not is_template(value)
    cure = "A title is not a hash; EncordCreateDatasetOperator(if_exists='skip') returns the hash for a title."
    return cure if given else ""


data_hash = uuid_text("a data hash")
item_uuid = uuid_text("the UUID of an item")
_folder_uuid = uuid_text("the UUID of a storage folder")


def folder_uuid(value: Any, name: str) -> str:
    """Take the UUID of a storage folder, or the report of a task of ours that names one."""
    if isinstance(value, Mapping) and isinstance(value.get("folder_uuid"), str):
        value = value["folder_uuid"]
    return str(_folder_uuid(value, name))


def folder(value: Any, name: str) -> str | None:
    """Check the UUID of a storage folder; an empty string, which a template may render, means none."""
    return None if isinstance(value, str) and not value else str(folder_uuid(value, name))


def job_id(value: Any, name: str) -> str | int:
    """Check the id of a job: a string or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_NUMBER:
        return value
    given = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,200}", given) or given in ("None", "null", "True", "False"):
        raise refuse(name, value, "the id of a job")
    return given


def job_ids(value: Any, name: str) -> JobIds:
    """Check one job id or several, or the reports of the tasks that started the jobs."""
    ids: JobIds = _JOB_IDS(value, name)
    if not ids:
        raise refuse(name, value, "the id of a job, or a report that names one", "No job was started.")
    return ids


def _named_job_ids(value: Any, name: str) -> JobIds:
    if isinstance(value, str) and isinstance(parsed := parsed_text(value), Mapping):
        value = parsed
    if isinstance(value, Mapping):
        if not value.keys() & {"job_id", "job_ids"}:
            raise refuse(name, dict(value), "the id of a job, or a report that names one")
        value = value.get("job_ids") or [each for each in [value.get("job_id")] if each is not None]
    ids: JobIds = list_of(job_id, "job ids", may_be_empty=True)(value, name)
    return ids


_JOB_IDS = joined(_named_job_ids)


def single_job_id(value: Any, name: str) -> str | int:
    """Check the id of one job, or the report of the task that started it."""
    ids = job_ids(value, name)
    if len(ids) != 1:
        raise refuse(name, value, "the id of one job", f"There are {len(ids)}.")
    return ids[0]


# -- numbers and times ----------------------------------------------------------------------------------------------


def flag(value: Any, name: str) -> bool:
    """Check True or False."""
    if not isinstance(value, bool):
        raise refuse(name, value, "True or False")
    return value


def whole_number(least: int = 1, most: int | None = None) -> Check:
    """Return a check for a whole number within limits."""
    above = "above 0" if least == 1 else f"from {least}"
    bounds = above if most is None else f"from {least} to {most}"

    def checked(value: Any, name: str) -> int:
        wrong = isinstance(value, bool) or not isinstance(value, int)
        if wrong or not least <= value <= (LARGEST_NUMBER if most is None else most):
            raise refuse(name, value, f"a whole number {bounds}", _number_cure(value))
        return int(value)

    return checked


def count_or_share(value: Any, name: str) -> float:
    """Check a count, or a share below 1."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= LARGEST_NUMBER or (value >= 1 and value % 1):
        raise refuse(name, value, "a count or a share below 1", _number_cure(value))
    return float(value) if value % 1 else int(value)


def seconds(value: Any, name: str) -> float | None:
    """Check a length of time in seconds or as a timedelta; None means no limit."""
    if value is None:
        return None
    number = value.total_seconds() if isinstance(value, timedelta) else value
    wrong = isinstance(number, bool) or not isinstance(number, int | float)
    if wrong or not SHORTEST_SECONDS <= number <= LONGEST_SECONDS:
        taken = f"a number of seconds above 0 (from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:.0f}) or a timedelta"
        raise refuse(name, value, taken, _number_cure(value))
    return float(number)


def required_seconds(value: Any, name: str) -> float:
    """Check a length of time that is required."""
    if (given := seconds(value, name)) is None:
        raise refuse(name, value, "a number of seconds above 0 or a timedelta")
    return given


def seconds_or_none_at_all(value: Any, name: str) -> float:
    """Check a length of time that may be 0."""
    nothing = isinstance(value, int | float | timedelta) and not isinstance(value, bool) and not value
    return 0.0 if nothing else required_seconds(value, name)


def execution_timeout(value: Any, name: str) -> timedelta | None:
    """Check Airflow's own limit for an attempt, and return it unchanged."""
    seconds(value, name)
    return value if isinstance(value, timedelta) else None


def _number_cure(value: Any) -> str:
    numeric = isinstance(value, str) and re.fullmatch(r"\s*[0-9.]+\s*", value)
    return "It is a string; leave the quotation marks out." if numeric else ""


def age(value: Any, name: str) -> timedelta:
    """Check an age, as a timedelta that is not negative."""
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise refuse(name, value, "a timedelta of 0 or more, such as timedelta(days=30)")
    return value


def moment(value: Any, name: str) -> datetime:
    """Check a point in time: a datetime, a date, or an ISO 8601 string; UTC if it has no time zone."""
    from airflow_provider_encord._client.parameters import BadParameter, read_moment

    taken = "a date or date and time in ISO 8601, such as '2026-01-31' or '2026-01-31T12:00:00Z'"
    if isinstance(value, str) and not value.strip():
        raise refuse(name, value, taken, "Leave the filter out to find everything.")
    if not isinstance(value, str | datetime | date):
        raise refuse(name, value, taken)
    try:
        return read_moment(value)
    except BadParameter:
        raise refuse(name, value, taken) from None


# -- files and metadata ---------------------------------------------------------------------------------------------


def path(value: Any, name: str) -> Any:
    """Check the path or URL of a file."""
    if is_object_storage_path(value):
        return value
    given = os.fspath(value) if isinstance(value, str | os.PathLike) and not isinstance(value, type) else None
    if not isinstance(given, str) or given.strip() in ("", ".", "None", "null") or parsed_text(given) is not None:
        raise refuse(name, value, "a path or a URL")
    try:
        fits = b"\0" not in os.fsencode(given)
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise refuse(name, value, "a path or a URL", "No file can have such a name.")
    return value


def prefix(value: Any, name: str) -> Any:
    """Check the prefix of a listing: a URL, an absolute path, or an ``ObjectStoragePath``."""
    taken = path(value, name)
    if isinstance(taken, str) and "://" not in taken and not taken.startswith(("/", "~")):
        raise refuse(name, value, "a URL such as 's3://bucket/incoming/', or an absolute path")
    return taken


def remote_url(value: Any, name: str) -> str:
    """Take where a cloud-synced folder's objects lie: a bucket, or a place in one, in the form that Encord takes."""
    given = text(value, name)
    if not re.fullmatch(r"(s3|gs|https)://[^\s/?#@]+/[^\s?#]*", given):
        raise refuse(
            name, value, "a URL such as 's3://bucket/path/', 'gs://bucket/path/' or 'https://host/bucket/path/'"
        )
    return given if given.endswith("/") else f"{given}/"


def object_url(value: Any, name: str) -> str:
    """Check the template of an object's URL, with ``{key}`` and optionally ``{bucket}``."""
    from airflow_provider_encord.manifest._rules import NOT_IN_URLS

    given = text(value, name)
    taken = "a URL with {key}, such as 'https://account.blob.core.windows.net/{bucket}/{key}'"
    _check_fields(given, ("bucket", "key"), value, name, taken)
    made = [given.format(bucket="b", key=key) for key in ("1", "2")]
    if made[0] == made[1] or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]", made[0]):
        raise refuse(name, value, taken)
    if re.search(f"[{NOT_IN_URLS}]", given):
        raise refuse(name, value, taken, "It has a character that no URL may hold, such as a blank: percent-encode it.")
    return given


def title_form(*fields: str) -> Check:
    """Return a check for the form of titles, in which only these fields are filled in."""

    def checked(value: Any, name: str) -> str:
        given = text(value, name)
        _check_fields(given, fields, value, name, f"a form of titles, such as '{{{fields[0]}}}'")
        return given

    return checked


def _check_fields(given: str, fields: Sequence[str], value: Any, name: str, taken: str) -> None:
    """Check that a form has no other fields than these, and that they are filled in as they are."""
    listed = ", ".join(f"{{{field}}}" for field in fields)
    try:
        parts = list(string.Formatter().parse(given))
    except ValueError:
        raise refuse(name, value, taken, f"Only {listed} are filled in.") from None
    wrong = [
        f"{{{field}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}}}"
        for _, field, form, conversion in parts
        if field is not None and (field not in fields or form or conversion)
    ]
    if wrong:
        raise refuse(name, value, taken, f"Only {listed} are filled in, not {', '.join(wrong)}.")


def manifest(value: Any, name: str) -> Any:
    """Check a manifest: a dict, JSON text, or the path or URL of a JSON file."""
    if isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip()[:1] in ("{", "[")):
        return value
    try:
        return path(value, name)
    except EncordInputError:
        raise refuse(name, value, "a manifest: a dict, JSON text, or the path or URL of a JSON file") from None


def metadata(*reserved: str, cure: str = "") -> Check:
    """Return a check for client metadata: a dict of JSON values, or a string with one.

    :param reserved: keys that the operator itself writes.
    :param cure: what to do with a list or a path.
    """

    def checked(value: Any, name: str) -> Mapping[str, Any]:
        given = parsed_text(value) if isinstance(value, str) else value
        if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
            several = isinstance(given, list | tuple) or metadata_format(value) is not None
            raise refuse(name, value, "a dict whose keys are strings", cure if several else "")
        if taken := [key for key in reserved if key in given]:
            raise refuse(name, value, f"a dict without {taken[0]!r}", "This operator writes it.")
        try:
            json.dumps(given, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise refuse(name, value, "a dict of JSON values", f"{error}.") from None
        return given

    return checked


_metadata = metadata()


def metadata_by_item(value: Any, name: str) -> dict[str, Mapping[str, Any]]:
    """Take client metadata by the UUID of its item: a dict, or the text of one."""
    given = parsed_text(value) if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        raise refuse(name, value, "a dict of client metadata by the UUID of its item")
    return {item_uuid(key, f"a key of {name}").lower(): _metadata(given[key], f"{name}[{key!r}]") for key in given}


def metadata_format(location: Any) -> str | None:
    """Return ``csv`` or ``jsonl``, as the name of a file of client metadata ends; None if it does not tell."""
    named = isinstance(location, str | os.PathLike) or is_object_storage_path(location)
    suffix = PurePath(str(location)).suffix.lower() if named else ""
    return {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(suffix)


ONE_FOR_EACH = "client_metadata is one dict for all items; client_metadata_by_item has other forms."


def metadata_by_key(*reserved: str, lists: bool = False) -> Check:
    """Return a check for client metadata by the key or name of its item: a dict of dicts, or a CSV or JSONL file.

    :param reserved: keys that the operator itself writes.
    :param lists: whether a list is taken, too, of one dict or None for each item.
    """
    one = metadata(*reserved)
    taken = "a dict of dicts by key or name, or the path or URL of a .csv, .jsonl or .ndjson file"
    taken += ", or a list of dicts" * lists

    def checked(value: Any, name: str) -> Any:
        given = parsed_text(value) if isinstance(value, str) else value
        if isinstance(given, Mapping):
            return {text(key, f"a key of {name}"): one(given[key], f"{name}[{key!r}]") for key in given}
        if is_object_storage_path(value) or (given is None and isinstance(value, str | os.PathLike)):
            if metadata_format(path(value, name)) is None:
                raise refuse(name, value, taken, "The file's name does not tell its format.")
            return value
        several = None if not lists or isinstance(value, int | float) else elements(value)
        if several is None:
            raise refuse(name, value, taken)
        return [None if each is None else one(each, f"{name}[{at}]") for at, each in enumerate(several)]

    return checked


def column_types(*allowed: str) -> Check:
    """Return a check for a dict of columns to one of these types."""
    kind = one_of(*allowed)

    def checked(value: Any, name: str) -> dict[str, str]:
        if not isinstance(value, Mapping) or not value:
            raise refuse(name, value, f"a dict of columns to one of {', '.join(allowed)}")
        return {text(key, f"a key of {name}"): kind(value[key], f"{name}[{key!r}]") for key in value}

    return checked


def kinds_by_extension(allowed: Sequence[str]) -> Check:
    """Return a check for a dict from file name extensions to manifest kinds."""

    def checked(value: Any, name: str) -> dict[str, str]:
        if not isinstance(value, Mapping) or not value:
            raise refuse(name, value, "a dict of file name extensions to kinds, such as {'mp4': 'videos'}")
        for extension, kind in value.items():
            if kind not in allowed:
                raise refuse(f"{name}[{shown(extension)}]", kind, f"one of {', '.join(allowed)}")
        from airflow_provider_encord._storage.selection import kinds_table

        return kinds_table(value)

    return checked
