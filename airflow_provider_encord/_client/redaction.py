"""Keep credentials out of everything that is shown or stored.

The only module that knows how a credential may be spelled. A value is taken apart first (containers, JSON within text),
each text is redacted as it stands, and then once more below each layer of escapes. What holds no credential comes back
as the very same object.
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
_SHORTEST_SECRET = 6  # shorter ones would take innocent text along
_HIDDEN = "***"
_CUT = "..."
_MOST_DEPTH = 100
_MOST_JSON_IN_TEXT = 4
_MOST_LAYERS = 6

_STORES = frozenset(
    ("s3", "s3a", "s3n", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss", "wasb", "wasbs", "hdfs", "file")
)
"""Here ``?`` and ``#`` belong to a key, and a user name is a connection or a container."""

_SECRET_NAME = re.compile(
    r"(?:signature|sig|token|secret|credentials?|passw(?:or)?d|passphrase|hmac|jwt|(?P<login>authorization)"
    r"|(?:access|account|api|auth|client|master|private|secret|shared|storage)[-_.]?key(?:[-_.]?id)?"
    r"|access[-_.]?id|session[-_.]?id|(?:\A|[-_.])(?:sas|pwd|pass|sign))\Z",
    re.IGNORECASE,
)
_MARK = re.compile(r"[?#@=\\%&]|:(?!//)|[Bb][EeAa][AaSs][RrIi]")
"""Without one of these, nothing below finds anything; most texts are told by this alone."""
_PLAIN_URL = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*+)://[A-Za-z0-9.-]++(?::[0-9]++)?(?:/[A-Za-z0-9/._~+,()!$*-]*+)?(?=([?#]))\S++"
)
# Possessive, and tried at the start of a word only: no text makes them go back over what they have read.
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
    """Return the text without what is secret in it; the same text if nothing is.

    Hidden are queries, fragments and user names of web addresses, passwords in any URL, what follows a name such as
    ``sig=`` or ``"token":``, and what follows ``Authorization:`` or ``Bearer``.
    """
    return _of_text(text, _MOST_JSON_IN_TEXT) if _MARK.search(text) else text


def redacted(value: Any) -> Any:
    """Return the value without what is secret in it, in the same kind of containers; the same object if nothing is.

    An object of any other kind that shows a credential becomes its text without it. Nothing that can be gone through
    only once is gone through.
    """
    return _Values(_MOST_JSON_IN_TEXT).redact(value)


def shown(value: Any, most: int = 200) -> str:
    """Return the value for a message: like its ``repr``, without credentials, in one line of at most so many letters.

    :param most: how many.
    """
    try:
        text = repr(redacted(value))
    except Exception:  # the value's own
        text = f"<{type(value).__name__}>"
    text = text if len(text) <= most else text[: most - len(_CUT)] + _CUT
    return one_line(text)


def server_text(text: str) -> str:
    """Return what a server said: on one line, short enough to be read, and without credentials."""
    if len(text) <= _MOST_SERVER_TEXT and text.isidentifier():  # a status, as most polls bring
        return text
    if whole := len(text) <= _MOST_LOOKED_AT:
        told = one_line(without_credentials(text))
    else:  # half a word may no longer look like the credential that it is
        told = one_line(without_credentials(text[:_MOST_LOOKED_AT].rsplit(None, 1)[0]))
    return told if whole and len(told) <= _MOST_SERVER_TEXT else f"{told[:_MOST_SERVER_TEXT]} {_CUT}"


class Cause(Exception):
    """Stands for an exception whose text may quote credentials."""


def cause_of(error: BaseException) -> Cause:
    """Return an exception as the cause of another one: where it came from, and its text without credentials."""
    text = server_text(str(error))
    return Cause(f"{type(error).__name__}: {text}" if text else type(error).__name__).with_traceback(
        error.__traceback__
    )


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of these secrets hidden."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _HIDDEN)
    return text


def printable(text: str) -> str:
    """Return the text with what no file or database can hold replaced: halves of characters."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# Values


class _Values:
    """Goes once through a value, whatever it holds, however often it holds it, and even if it holds itself."""

    def __init__(self, json_in_text: int) -> None:
        self._json_in_text = json_in_text
        self._depth = 0
        self._known: dict[int, tuple[Any, Any]] = {}  # by id; what is kept here cannot leave its id to another

    def redact(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return _of_text(value, self._json_in_text) if _MARK.search(value) else value
        if kind in _HARMLESS:
            return value
        if isinstance(value, str):
            text = str.__str__(value)
            return value if (told := self.redact(text)) == text else told
        if isinstance(value, bytes | bytearray):
            text = value.decode("utf-8", "surrogateescape")
            return value if (told := self.redact(text)) == text else told.encode("utf-8", "backslashreplace")
        if id(value) in self._known:
            return self._known[id(value)][1]
        if self._depth == _MOST_DEPTH:
            return _CUT
        self._known[id(value)] = (value, _CUT)
        self._depth += 1
        told = self._inside(value)
        self._depth -= 1
        self._known[id(value)] = (value, told)
        return told

    def _inside(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, list | tuple | set | frozenset):
            before = list(value)
            after = [self.redact(each) for each in before]
            if all(new is old for new, old in zip(after, before, strict=True)):
                return value
            make = next(each for each in (list, tuple, set, frozenset) if isinstance(value, each))
            return getattr(value, "_make", make)(after)
        return self._object(value)

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        result: dict[Any, Any] = {}
        changed = False
        for key, each in value.items():
            name, told = self.redact(key), self.redact(each)
            if type(key) is str and _kind_of_secret(key[-64:]) and _says_something(each):
                told = _HIDDEN
            if name is not key or told is not each:
                changed = True
                name = f"{name} ({len(result)})" if name in result else name
            result[name] = told
        return result if changed else value

    def _object(self, value: Any) -> Any:
        """Redact what the object shows of itself: by ``str``, ``repr``, or the ``serialize`` that Airflow looks for."""
        kind = type(value)
        try:
            if kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__:  # type: ignore[comparison-overlap]
                text, quoted = str(value), repr(value)
                told = self.redact(text)
                if told is not text or self.redact(quoted) is not quoted:
                    return told
            if callable(inspect.getattr_static(value, "serialize", None)) and not isinstance(value, type):
                content = value.serialize()
                if (told := self.redact(content)) is not content:
                    return told
        except Exception:  # the object's own
            return f"<{kind.__name__}>"
        return value


def _says_something(value: Any) -> bool:
    return not (value is None or isinstance(value, bool) or (isinstance(value, str) and value in ("", _HIDDEN)))


@functools.lru_cache(maxsize=256)  # a manifest has the same few names a million times
def _kind_of_secret(name: str) -> str | None:
    found = _SECRET_NAME.search(name)
    return found and ("login" if found["login"] else "value")


# Texts


def _of_text(text: str, json_in_text: int) -> str:
    if (plain := _PLAIN_URL.fullmatch(text)) and plain[1].lower() not in _STORES:
        cut = text[: plain.start(2) + 1] + _CUT
        return text if cut == text else cut
    if json_in_text and text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", '"'):
        try:
            content = json.loads(text.lstrip("\ufeff"), object_pairs_hook=_object)
            told = _Values(json_in_text - 1).redact(content)
            return text if told is content else printable(json.dumps(told, ensure_ascii=False))
        except (ValueError, RecursionError):
            pass
    told = _as_it_stands(text)
    if "\\" in told or "%" in told or "&" in told:
        told = _MARKED_WORD.sub(_below_the_escapes, told)
    return text if told == text else told


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a name comes twice, so the object does not hold all that the text shows")
    return result


def _as_it_stands(text: str) -> str:
    """Redact a text, escapes taken as what they are."""
    text = _BEARER.sub(rf"\1{_HIDDEN}", _without_values(text))
    return _MARKED_WORD.sub(lambda word: _without_login_and_query(word[0]), text) if ":/" in text else text


def _below_the_escapes(match: re.Match[str]) -> str:
    """Redact a word below each layer of escapes; as it stands it is redacted already."""
    word = told = match[0]
    changed = False
    if not _ESCAPE.search(word):
        return word
    for _ in range(_MOST_LAYERS):
        before = told
        for plain in (_without_json_escapes, _without_entities, _without_percent):
            decoded = plain(told)
            if decoded != told:
                told = _as_it_stands(decoded)
                changed = changed or told != decoded
        told = told.replace(_SEEN_COLON, ":")
        if told == before:
            return printable(told) if changed else word
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
    # A ``%3F`` is part of the path if the address around it is not encoded, too.
    return unquote(word.replace(":/", f"{_SEEN_COLON}/")) if "%" in word else word


def _without_values(text: str) -> str:
    """Hide what follows a name that tells of a secret."""
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
    """Hide logins in all URLs of a word; from the first web address with a query or fragment on, all is cut."""
    before, *pieces = _ADDRESS.split(word)
    told = [before]
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
        told += (slashes, authority, tail[: query.end()] + _CUT if query else tail)
        if query:
            break
        before = rest
    return "".join(told)
