"""The rules for a manifest, each once.

Kinds, fields, flags and limits come from Encord's pages on registering cloud data. Fields of media metadata, and what
the pages leave open (PDF, NIfTI, time series, scenes), follow the structured items of Encord's client 0.1.211.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_encord._client.redaction import shown, without_credentials

Entry = tuple[str, dict[str, Any]]
"""The kind, and the item from the kind's list."""

FLAGS = ("skip_duplicate_urls", "upsert_metadata")
MAX_ITEMS = 500_000
MAX_URLS = 1_000_000
MAX_URL_BYTES = 16 * 1024
MAX_TITLE = 300

MAX_DEPTH = 100
MAX_VALUES = 1_000_000
"""How deep and how large one value may be. These limits are ours: they protect the worker from hostile values."""

_MOST_PROBLEMS_SHOWN = 20
_MOST_TEXT_SHOWN = 80
_NUMBERED = re.compile(r"objectUrl_(0|[1-9][0-9]{0,6})")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WHITE_SPACE = re.compile(r"[\s\u200b\u2060\ufeff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
NOT_IN_URLS = "".join(each.pattern[1:-1] for each in (_WHITE_SPACE, _CONTROL, _SURROGATE))
"""Characters that no URL may hold, for the inside of a character class: what cannot be seen, and halves of others."""
_PLAIN_URL = re.compile(rf"{_SCHEME.pattern}[A-Za-z0-9._-]+(?:/[!-~]*+[^{NOT_IN_URLS}]*+)?")  # ASCII first: it is fast

Rule = Callable[[Any], Iterable[str]]
"""Returns what is wrong with a value, to be appended to its place: ``: missing``, ``.fps: must be ...``."""


class ManifestProblem(ValueError):
    """Encord would refuse the manifest; the message names the entries."""


class EmptyManifest(ManifestProblem):
    """The manifest is valid, but has no items."""


class Problems:
    """Collects the problems of a manifest: the first ones, and how many there are."""

    def __init__(self) -> None:
        self.total = 0
        self._shown: list[str] = []

    def extend(self, problems: Iterable[str]) -> None:
        """Add problems, each with its place."""
        for problem in problems:
            self.total += 1
            if len(self._shown) < _MOST_PROBLEMS_SHOWN:
                self._shown.append(problem)

    def merge(self, other: Problems) -> None:
        """Add the problems of another collection."""
        missing = _MOST_PROBLEMS_SHOWN - len(self._shown)
        self._shown.extend(other._shown[:missing])
        self.total += other.total

    def raise_if_any(self) -> None:
        """Raise the problems, if there are any.

        :raises ManifestProblem: with the first problems and their total number.
        """
        if not self.total:
            return
        count, more = "", ""
        if self.total > 1:
            count = f" ({self.total:,} problems)"
        if self.total > len(self._shown):
            count, more = f" ({self.total:,} problems, the first {len(self._shown)} are)", " ..."
        raise ManifestProblem(f"the manifest cannot be sent{count}: {'; '.join(self._shown)}{more}")


# Values


def _title(value: Any) -> Iterable[str]:
    if value is None:
        return ()
    if not isinstance(value, str):
        return (f": must be a string, not {type_name(value)}",)
    if not value.strip():
        return (": must not be empty",)
    if len(value) > MAX_TITLE:
        return (f": longer than {MAX_TITLE} characters",)
    if not value.isascii() and _SURROGATE.search(value):
        return (": has a lone surrogate (half of a character)",)
    return ()


def _required_title(value: Any) -> Iterable[str]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return (": missing; groups, series and scenes from a private cloud need one",)
    return _title(value)


def _flag(value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield ": must be true or false"


def _url(value: Any) -> Iterable[str]:
    # Nearly all are plain, and one pattern is fast for a million of them. A character takes 4 bytes at most.
    if isinstance(value, str) and len(value) <= MAX_URL_BYTES // 4 and _PLAIN_URL.fullmatch(value):
        return ()
    return _odd_url(value)


def _odd_url(value: Any) -> Iterator[str]:
    if value is None or (isinstance(value, str) and not value):
        yield ": missing"
    elif not isinstance(value, str):
        yield f": must be a string with a URL, not {type_name(value)}"
    elif len(value) > MAX_URL_BYTES or len(value.encode("utf-8", "surrogatepass")) > MAX_URL_BYTES:
        yield f": longer than {MAX_URL_BYTES:,} bytes"
    elif _SURROGATE.search(value):
        yield f": has a lone surrogate (half of a character){_shown(value)}"
    elif _WHITE_SPACE.search(value):
        yield f": has white space; percent-encode it{_shown(value)}"
    elif _CONTROL.search(value):
        yield f": has a control character; percent-encode it{_shown(value)}"
    else:
        yield from _address(value)


def _address(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        web = parts.scheme in ("http", "https")
        sound = _SCHEME.match(url) and (not web or parts.port != 0)
        host, user, password = parts.hostname, parts.username, parts.password
    except ValueError:
        sound = None
    if not sound:
        yield f": not a URL{_shown(url)}"
    elif not host:
        yield f": has no host or bucket{_shown(url)}"
    elif password is not None or (web and user is not None):
        # In other URLs a user may be the container of an Azure URL: abfss://container@account...
        yield ": has a user name or password"


def _json(value: Any) -> Iterator[str]:
    """Check client metadata: any JSON object."""
    if value is None:
        return
    problem = json_problem(value) if isinstance(value, dict) else f": must be an object, not {type_name(value)}"
    if problem:
        yield problem


def _required_json(value: Any) -> Iterator[str]:
    if value is None:
        yield ": missing"
    yield from _json(value)


@dataclass(frozen=True)
class _Number:
    """A number that Encord's client declares as whole (``int``) or not (``float``)."""

    text: str
    whole: bool
    zero: bool = False

    def fits(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return (value > 0 or (self.zero and value == 0)) and (not self.whole or value == int(value))


_POSITIVE = _Number("a positive number", whole=False)
_COUNT = _Number("a positive whole number", whole=True)
_MEDIA: dict[str, _Number | None] = {
    "fps": _POSITIVE,
    "duration": _POSITIVE,
    "width": _COUNT,
    "height": _COUNT,
    "filesize": _COUNT,
    "samplerate": _COUNT,
    "bitdepth": _Number("a whole number, 0 or more", whole=True, zero=True),  # probes say 0 for MP3
    "numchannels": _COUNT,
    "numpages": _COUNT,
    "mimetype": None,
    "codec": None,
}
"""Known fields of media metadata, by name in lower case without underscores, since the pages do not say which spelling
is right. None stands for a string."""


def _media(value: Any) -> Iterator[str]:
    problems = list(_json(value))
    yield from problems
    if problems or value is None:
        return
    for name, inner in value.items():
        known = name.replace("_", "").lower()
        if known not in _MEDIA:
            continue
        number = _MEDIA[known]
        if number and not number.fits(inner):
            yield f"{place(name)}: must be {number.text}"
        elif not number and not (isinstance(inner, str) and inner.strip()):
            yield f"{place(name)}: must be a string"


def json_problem(value: Any) -> str | None:
    """Return the first problem that keeps a value from being JSON, with its place; None if there is none.

    It does not recurse, so deep, circular and repeated values do no harm.
    """
    values = 0
    stack: list[tuple[Any, _Path, int]] = [(value, None, 0)]
    while stack:
        current, path, depth = stack.pop()
        if current is None or isinstance(current, bool):
            continue
        if isinstance(current, str):
            if _SURROGATE.search(current):
                return f"{_place_of(path)}: has a lone surrogate (half of a character)"
        elif isinstance(current, int):
            if current.bit_length() > 1023:
                return f"{_place_of(path)}: too large a number"
        elif isinstance(current, float):
            if not math.isfinite(current):
                return f"{_place_of(path)}: must be a finite number; NaN and Infinity are not JSON"
        elif isinstance(current, dict | list | tuple):
            values += len(current)
            if depth == MAX_DEPTH:
                return f": nested deeper than {MAX_DEPTH} levels"
            if values > MAX_VALUES:
                return f": holds more than {MAX_VALUES:,} values"
            for key, inner in current.items() if isinstance(current, dict) else enumerate(current):
                if isinstance(current, dict) and (not isinstance(key, str) or _SURROGATE.search(key)):
                    return f"{_place_of(path)}: a key is not a string ({type_name(key)})"
                stack.append((inner, (path, key), depth + 1))
        else:
            return f"{_place_of(path)}: {type_name(current)} is not JSON"
    return None


_Path = tuple[Any, str | int] | None


def _place_of(path: _Path) -> str:
    steps = []
    while path is not None:
        path, step = path
        steps.append(place(step) if isinstance(step, str) else f"[{step}]")
    return "".join(reversed(steps))


# Kinds


@dataclass(frozen=True)
class _Kind:
    """The fields of one kind of entry, each with its rule."""

    fields: Mapping[str, Rule]
    required: tuple[str, ...]
    numbered: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All field names, with the first of the numbered ones."""
        return (*(("objectUrl_0",) if self.numbered else ()), *self.fields)


def _one_file(**more: Rule) -> _Kind:
    return _Kind({"objectUrl": _url, "title": _title, "clientMetadata": _json, **more}, ("objectUrl",))


def _many_files(**more: Rule) -> _Kind:
    return _Kind({"title": _required_title, "clientMetadata": _json, **more}, ("title",), numbered=True)


_RULES: dict[str, _Kind] = {
    "videos": _one_file(videoMetadata=_media),
    "images": _one_file(imageMetadata=_media),
    "image_groups": _many_files(createVideo=_flag),
    "dicom_series": _many_files(),
    "audio": _one_file(audioMetadata=_media),
    "text": _one_file(textMetadata=_media),
    "pdfs": _one_file(pdfMetadata=_media),
    "pdf": _one_file(pdfMetadata=_media),
    "nifti": _one_file(),
    "time_series": _one_file(settings=_json),
    "scenes": _Kind({"title": _required_title, "scene": _required_json, "clientMetadata": _json}, ("title", "scene")),
}
KINDS = tuple(_RULES)
_ALL = f"kinds are {', '.join(KINDS)}, flags are {', '.join(FLAGS)}"


def entry_problems(kind: str, entry: Any) -> Iterator[str]:
    """Yield what is wrong with one entry, to be appended to its place.

    :param kind: one of :data:`KINDS`.
    :param entry: an element of the kind's list.
    """
    if not isinstance(entry, dict):
        yield f": must be an object, not {type_name(entry)}"
        return
    rules = _RULES[kind]
    numbers = set()
    for name, value in entry.items():
        if (rule := rules.fields.get(name)) is None:
            if not isinstance(name, str):
                yield f": a key is not a string ({type_name(name)})"
                continue
            if not (rules.numbered and (match := _NUMBERED.fullmatch(name))):
                yield f"{place(name)}: {_unknown(name, rules.names, 'fields are ' + ', '.join(rules.names))}"
                continue
            numbers.add(int(match[1]))
            rule = _url
        for problem in rule(value):
            yield f"{place(name)}{problem}"
    for name in rules.required:
        if name not in entry:
            for problem in rules.fields[name](None):
                yield f"{place(name)}{problem}"
    if rules.numbered and not numbers:
        yield ".objectUrl_0: missing; the files are objectUrl_0, objectUrl_1 and so on"
    elif numbers and max(numbers) >= len(numbers):
        gap = next(number for number in range(len(numbers)) if number not in numbers)
        yield f".objectUrl_{gap}: missing; objectUrl_<n> must count from 0 without gaps"


def placed_problems(kind: Any, index: int | None, entry: Any) -> list[str]:
    """Return what is wrong with an entry, each problem with its place; the kind may be unknown."""
    if not isinstance(kind, str) or kind not in _RULES:
        return list(kind_problems(kind, None))
    if not (problems := list(entry_problems(kind, entry))):
        return problems
    where = kind if index is None else f"{kind}[{index}]"
    return [f"{where}{problem}" for problem in problems]


def entry_urls(kind: str, entry: Any) -> list[tuple[str, str]]:
    """Return the URLs of an entry, each with its field name. URLs inside of a scene are left out."""
    if not isinstance(entry, dict):
        return []
    if not _RULES[kind].numbered:
        url = entry.get("objectUrl")
        return [("objectUrl", url)] if isinstance(url, str) else []
    return [
        (name, value)
        for name, value in entry.items()
        if isinstance(name, str) and isinstance(value, str) and _NUMBERED.fullmatch(name)
    ]


class RepeatedUrls:
    """Finds URLs that come twice in one kind."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, tuple[int, str]]] = {}

    def problems(self, kind: str, index: int, urls: Iterable[tuple[str, str]]) -> list[str]:
        """Return the repeated URLs of an entry, with both places; if there are none, remember its URLs.

        :param urls: URLs of the entry, from :func:`entry_urls`.
        """
        places = self._places.setdefault(kind, {})
        problems: list[str] = []
        new: dict[str, tuple[int, str]] = {}
        for name, url in urls:
            here = (index, name)
            first = places.get(url) or new.setdefault(url, here)
            if url and first != here:
                problems.append(
                    f"{kind}[{index}].{name}: the same URL as {kind}[{first[0]}].{first[1]}"
                    " (skip_duplicate_urls would allow it)"
                )
        if not problems:
            places.update(new)
        return problems


# The manifest as a whole


def kind_problems(name: Any, kind_of_value: str | None) -> Iterator[str]:
    """Yield what is wrong with a key of the manifest that is not a flag.

    :param name: the key.
    :param kind_of_value: type of its value, or None for a list.
    """
    if not isinstance(name, str):
        yield f"a key of the manifest is not a string ({type_name(name)})"
    elif name not in _RULES:
        shown = place(name)
        yield f"{shown.removeprefix('.')}: {_unknown(name, (*KINDS, *FLAGS), _ALL)}"
    elif kind_of_value is not None:
        yield f"{name}: must be a list, not {kind_of_value}"


def flag_problems(flags: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the flags of a manifest."""
    for name, value in flags.items():
        if name not in FLAGS:
            shown = place(name) if isinstance(name, str) else f"({type_name(name)})"
            yield f"{shown.removeprefix('.')}: unknown; flags are {', '.join(FLAGS)}"
        else:
            for problem in _flag(value):
                yield f"{name}{problem}"
    if flags.get("upsert_metadata") is True and flags.get("skip_duplicate_urls") in (None, False):
        # According to Encord's client 0.1.211 it has no effect without it.
        yield "upsert_metadata: works only together with skip_duplicate_urls"


def size_problems(items: int, urls: int, *, max_items: int, max_urls: int) -> Iterator[str]:
    """Yield what is wrong with the size of one manifest."""
    if not items:
        yield "it has no items"
    if items > max_items:
        yield f"it has {items:,} items; Encord takes {max_items:,} at most"
    if urls > max_urls:
        yield f"it has {urls:,} URLs; Encord takes {max_urls:,} at most"


def skipping_duplicates(manifest: Mapping[str, Any], skip: bool = True) -> dict[str, Any]:
    """Return the manifest with ``skip_duplicate_urls``, unless it has that flag itself.

    Skipping makes a repeated registration harmless.
    """
    return {"skip_duplicate_urls": skip, **manifest}


# Messages


def place(name: str) -> str:
    """Return a key as a step of a place: ``.title``, or ``['...']`` in ASCII if it is not a plain name."""
    if _PLAIN_NAME.fullmatch(name):
        return f".{name}"
    safe = without_credentials(name)
    return f"[{(safe if len(safe) <= _MOST_TEXT_SHOWN else safe[:_MOST_TEXT_SHOWN] + '...')!a}]"


def type_name(value: Any) -> str:
    """Return JSON's name for the type of a value, with its article, or else Python's."""
    for types, name in ((bool, "a boolean"), (int | float, "a number"), (str, "a string"), (dict, "an object")):
        if isinstance(value, types):
            return name
    if isinstance(value, list | tuple):
        return "a list"
    return "null" if value is None else f"a value of type {type(value).__name__}"


def _shown(url: str) -> str:
    """Return a wrong URL in brackets, without secrets."""
    return f" ({shown(url, _MOST_TEXT_SHOWN)})"


@functools.lru_cache(maxsize=256)
def _near(name: str, known: tuple[str, ...]) -> str | None:
    plain = {candidate.replace("_", "").lower(): candidate for candidate in known}
    word = re.sub(r"[^a-z0-9]", "", name.lower())
    match = difflib.get_close_matches(word, plain, n=1, cutoff=0.6)
    return plain[match[0]] if match else None


def _unknown(name: str, known: tuple[str, ...], listing: str) -> str:
    near = _near(name[:_MOST_TEXT_SHOWN], known)
    return f"unknown; did you mean {near!r}?" if near else f"unknown; {listing}"
