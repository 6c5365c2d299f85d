"""Keep credentials out of everything that is shown or stored.

Only this module knows how a credential may be spelled. It takes a value apart (containers, JSON in strings), redacts
each string as it is, and then once more below each layer of escapes. A value without credentials comes back as the same
object.
"""

from __future__ import annotations

import functools
import html
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from airflow_provider_encord._client.outgoing import one_line

_MOST_SERVER_TEXT = 1000
_MOST_LOOKED_AT = 4096
_SHORTEST_SECRET = 6  # hiding shorter ones would hide ordinary text
_HIDDEN = "***"
_CUT = "..."
_MOST_DEPTH = 100
_MOST_JSON_IN_TEXT = 4
_MOST_LAYERS = 6

_STORES = frozenset(
    ("s3", "s3a", "s3n", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss", "wasb", "wasbs", "hdfs", "file")
)
"""In these URLs ``?`` and ``#`` belong to the key, and the user name is a connection or a container."""

_SECRET_NAME = re.compile(
    r"(?:signature|sig|token|secret|credentials?|passw(?:or)?d|passphrase|hmac|jwt|(?P<login>authorization)"
    r"|(?:access|account|api|auth|client|master|private|secret|shared|storage)[-_.]?key(?:[-_.]?id)?"
    r"|access[-_.]?id|session[-_.]?id|(?:\A|[-_.])(?:sas|pwd|pass|sign))\Z",
    re.IGNORECASE,
)
_MARK = re.compile(r"[?#@=\\%&]|:(?!//)|[Bb][EeAa][AaSs][RrIi]")
"""A string without any of these holds no credential; most strings need no further look."""
_PLAIN_URL = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*+)://[A-Za-z0-9.-]++(?::[0-9]++)?(?:/[A-Za-z0-9/._~+,()!$*-]*+)?(?=([?#]))\S++"
)
# Possessive, and tried at the start of a word only, so that no string makes them backtrack.
_NAME = re.compile(r"(?<![\w.-])([\w.-]++)[\"'\\]*+\s*+[=:][=:>]*+\s*+[\"'\\\[({]*+")
_VALUE = re.compile(r"(?:[^\s\"'&,;<>]|&(?:\#\w{1,8}|equals|plus|sol|percnt);)++")
_LOGIN_VALUE = re.compile(rf"(?:[A-Za-z][\w-]*+[ \t]++)?{_VALUE.pattern}")
_BEARER = re.compile(r"\b([Bb](?i:earer|asic)\s+)(?=[^\s\"',;<>]{6})[^\s\"',;<>]++")
_MARKED_WORD = re.compile(r"(?<![^\s\"'<>])[^\s\"'<>?#@\\%&]*+[?#@\\%&][^\s\"'<>]*+")
_ADDRESS = re.compile(r"(?<=[A-Za-z0-9][A-Za-z0-9])(:(?://|/(?!/)))")  # a path has made one slash of two
_AUTHORITY = re.compile(r"[^/?#]*+")
_PORT = re.compile(r".*:\d*+\Z|\[.*\]\Z", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_ESCAPE = re.compile(r"\\[^\\]|%[0-9a-fA-F]{2}|&[#A-Za-z]")
_JSON_ESCAPE = re.compile(r"\\++(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.?))", re.DOTALL)
_SEEN_COLON = ":\x00"
_JSON_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,10});")
_HARMLESS = frozenset((bool, int, float, complex, type(None)))


def without_credentials(text: str) -> str:
    """Return the string without credentials; the same string if there are none.

    It hides queries, fragments and user names of web addresses, passwords in any URL, values after a name such as
    ``sig=`` or ``"token":``, and what follows ``Authorization:`` or ``Bearer``.
    """
    return _of_text(text, _MOST_JSON_IN_TEXT) if _MARK.search(text) else text


def redacted(value: Any) -> Any:
    """Return the value without credentials, in the same types of containers; the same object if there are none.

    Any other object that shows a credential becomes a string without it. Generators are left alone.
    """
    return _Values(_MOST_JSON_IN_TEXT).redact(value)


def shown(value: Any, most: int = 200) -> str:
    """Return the value for a message: its ``repr`` on one line, shortened and without credentials.

    :param most: most characters.
    """
    try:
        text = repr(redacted(value))
    except Exception:  # the value's own
        text = f"<{type(value).__name__}>"
    text = text if len(text) <= most else text[: most - len(_CUT)] + _CUT
    return one_line(text)


def server_text(text: str) -> str:
    """Return a server's message: on one line, shortened and without credentials."""
    if len(text) <= _MOST_SERVER_TEXT and text.isidentifier():  # a status, as in most polls
        return text
    if whole := len(text) <= _MOST_LOOKED_AT:
        safe = one_line(without_credentials(text))
    else:  # a cut word may no longer look like a credential
        safe = one_line(without_credentials(text[:_MOST_LOOKED_AT].rsplit(None, 1)[0]))
    return safe if whole and len(safe) <= _MOST_SERVER_TEXT else f"{safe[:_MOST_SERVER_TEXT]} {_CUT}"


class Cause(Exception):
    """Stands for an exception whose message may quote credentials."""


def cause_of(error: BaseException) -> Cause:
    """Return an exception as the cause of another one: its traceback, and its message without credentials."""
    text = server_text(str(error))
    return Cause(f"{type(error).__name__}: {text}" if text else type(error).__name__).with_traceback(
        error.__traceback__
    )


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the string with these secrets hidden."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _HIDDEN)
    return text


def printable(text: str) -> str:
    """Return the string with lone surrogates replaced, which no file or database can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# Values


class _Values:
    """Goes through a value once, even if it holds the same object many times, or itself."""

    def __init__(self, json_in_text: int) -> None:
        self._json_in_text = json_in_text
        self._depth = 0
        self._known: dict[int, tuple[Any, Any]] = {}  # by id; keeping the objects keeps their ids from being reused

    def redact(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return _of_text(value, self._json_in_text) if _MARK.search(value) else value
        if kind in _HARMLESS:
            return value
        if isinstance(value, str):
            text = str.__str__(value)
            return value if (safe := self.redact(text)) == text else safe
        if isinstance(value, bytes | bytearray):
            text = value.decode("utf-8", "surrogateescape")
            return value if (safe := self.redact(text)) == text else safe.encode("utf-8", "backslashreplace")
        if id(value) in self._known:
            return self._known[id(value)][1]
        if self._depth == _MOST_DEPTH:
            return _CUT
        self._known[id(value)] = (value, _CUT)
        self._depth += 1
        safe = self._inside(value)
        self._depth -= 1
        self._known[id(value)] = (value, safe)
        return safe

    def _inside(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, list | tuple | set | frozenset):
            before = list(value)
            after = [self.redact(inner) for inner in before]
            if all(new is old for new, old in zip(after, before, strict=True)):
                return value
            make = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
            return getattr(value, "_make", make)(after)
        return self._object(value)

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        result: dict[Any, Any] = {}
        changed = False
        for key, inner in value.items():
            name, safe = self.redact(key), self.redact(inner)
            if type(key) is str and _kind_of_secret(key[-64:]) and _is_hideable(inner):
                safe = _HIDDEN
            if name is not key or safe is not inner:
                changed = True
                name = f"{name} ({len(result)})" if name in result else name
            result[name] = safe
        return result if changed else value

    def _object(self, value: Any) -> Any:
        """Redact what an object shows with ``str``, ``repr``, or the ``serialize`` that Airflow calls."""
        kind = type(value)
        try:
            if kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__:  # type: ignore[comparison-overlap]
                text, quoted = str(value), repr(value)
                safe = self.redact(text)
                if safe is not text or self.redact(quoted) is not quoted:
                    return safe
            if callable(inspect.getattr_static(value, "serialize", None)) and not isinstance(value, type):
                content = value.serialize()
                if (safe := self.redact(content)) is not content:
                    return safe
        except Exception:  # the object's own
            return f"<{kind.__name__}>"
        return value


def _is_hideable(value: Any) -> bool:
    return not (value is None or isinstance(value, bool) or (isinstance(value, str) and value in ("", _HIDDEN)))


@functools.lru_cache(maxsize=256)  # a manifest repeats a few names a million times
def _kind_of_secret(name: str) -> str | None:
    match = _SECRET_NAME.search(name)
    return match and ("login" if match["login"] else "value")


# Texts


def _of_text(text: str, json_in_text: int) -> str:
    if (plain := _PLAIN_URL.fullmatch(text)) and plain[1].lower() not in _STORES:
        cut = text[: plain.start(2) + 1] + _CUT
        return text if cut == text else cut
    if json_in_text and text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", '"'):
        try:
            content = json.loads(text.lstrip("\ufeff"), object_pairs_hook=_object)
            safe = _Values(json_in_text - 1).redact(content)
            return text if safe is content else printable(json.dumps(safe, ensure_ascii=False))
        except (ValueError, RecursionError):
            pass
    safe = _as_it_stands(text)
    if "\\" in safe or "%" in safe or "&" in safe:
        safe = _MARKED_WORD.sub(_below_the_escapes, safe)
    return text if safe == text else safe


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a name comes twice, so the object does not hold all of the text")
    return result


def _as_it_stands(text: str) -> str:
    """Redact a string without decoding escapes."""
    text = _BEARER.sub(rf"\1{_HIDDEN}", _without_values(text))
    return _MARKED_WORD.sub(lambda word: _without_login_and_query(word[0]), text) if ":/" in text else text


def _below_the_escapes(match: re.Match[str]) -> str:
    """Redact a word below each layer of escapes; the word itself is redacted already."""
    word = safe = match[0]
    changed = False
    if not _ESCAPE.search(word):
        return word
    for _ in range(_MOST_LAYERS):
        before = safe
        for plain in (_without_json_escapes, _without_entities, _without_percent):
            decoded = plain(safe)
            if decoded != safe:
                safe = _as_it_stands(decoded)
                changed = changed or safe != decoded
        safe = safe.replace(_SEEN_COLON, ":")
        if safe == before:
            return printable(safe) if changed else word
    return _HIDDEN


def _without_json_escapes(word: str) -> str:
    if "\\" not in word:
        return word
    return _JSON_ESCAPE.sub(
        lambda match: chr(int(code, 16)) if (code := match[1] or match[2]) else _JSON_LETTERS.get(match[3], match[3]),
        word,
    )


def _without_entities(word: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), word) if "&" in word else word


def _without_percent(word: str) -> str:
    # A ``%3F`` is part of the path unless the whole address is encoded.
    return unquote(word.replace(":/", f"{_SEEN_COLON}/")) if "%" in word else word


def _without_values(text: str) -> str:
    """Hide the values after names of secrets."""
    parts: list[str] = []
    done = 0
    for match in _NAME.finditer(text):
        if match.end() <= done or not (kind := _kind_of_secret(match[1][-64:])):
            continue
        if (quote := text[match.end() - 1]) in "\"'":
            end = text.find(quote, match.end())
            end = len(text) if end < 0 else end
        else:
            value = (_LOGIN_VALUE if kind == "login" else _VALUE).match(text, match.end())
            end = value.end() if value else match.end()
        if end > match.end():
            parts += (text[done : match.end()], _HIDDEN)
            done = end
    return "".join((*parts, text[done:])) if parts else text


def _without_login_and_query(word: str) -> str:
    """Hide logins in all URLs of a word, and cut everything after the first query or fragment of a web address."""
    before, *pieces = _ADDRESS.split(word)
    safe = [before]
    for slashes, rest in zip(pieces[::2], pieces[1::2], strict=True):
        scheme = _SCHEME.search(before[-20:])
        store = scheme is not None and scheme[0].lower() in _STORES
        authority = _AUTHORITY.match(rest)[0]  # type: ignore[index]
        tail = rest[len(authority) :]
        if ":" in authority and "@" not in authority and "@" in tail and not _PORT.match(authority):
            authority, tail = f"{_HIDDEN}@", rest.rpartition("@")[2]  # a password with a slash
        user, at, host = authority.rpartition("@")
        if at and (not store or ":" in user):
            authority = f"{_HIDDEN}@{host}"
        query = None if store else re.search(r"[?#]", tail)
        safe += (slashes, authority, tail[: query.end()] + _CUT if query else tail)
        if query:
            break
        before = rest
    return "".join(safe)
