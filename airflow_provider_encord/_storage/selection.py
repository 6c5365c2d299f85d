"""Which objects of a listing are wanted, and the account of those that are not. Pure; no store, no Encord."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord.exceptions import EncordInputError

if TYPE_CHECKING:
    from airflow_provider_encord._storage.listing import StoredObject

REASONS = ("kind", "pattern", "exclude", "size", "interval", "empty", "archived")
"""Why an object is left out; it counts for the first that holds."""

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE", "Archive"})
"""Storage classes that cannot be read before they are restored; Google's ``ARCHIVE`` and S3's ``GLACIER_IR`` can."""

Matcher = Callable[[str], Any]


# Kinds


def kinds_table(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return kinds by extension without its dot and in lower case; ``""`` is for names without one.

    :raises EncordInputError: an extension that no name can have, or one with two kinds.
    """
    table: dict[str, str] = {}
    for given, kind in kinds.items():
        extension = given.strip().lower().removeprefix(".") if isinstance(given, str) else "/"
        if (given and not extension) or re.search(r"[/*?\[\],;|\s\x00-\x1f\x7f]|\.\.|^\.|\.$", extension):
            raise EncordInputError(
                f"kinds: {shown(given)} is no file name extension; write it as 'mp4' or 'nii.gz', "
                "or '' for names without one."
            )
        if table.setdefault(extension, kind) != kind:
            raise EncordInputError(f"kinds: the extension '{extension}' has two kinds, {table[extension]} and {kind}.")
    return table


def kind_of(key: str, table: Mapping[str, str]) -> str | None:
    """Return the kind of an object by its longest extension in the table, or None.

    A name without a dot has no extension; neither has one that ends in a number, as those of DICOM files often do.
    """
    extension = key[key.rfind("/") + 1 :].lower().partition(".")[2]
    last = extension
    while extension:
        if kind := table.get(extension):
            return kind
        last, extension = extension, extension.partition(".")[2]
    return table.get("") if not last or last.isdecimal() else None


# Globs

_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]")
_IN_GLOB = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def regex_of(glob: str) -> str:
    """Return the regular expression of a glob: ``*`` and ``?`` stay within a folder, ``**`` does not."""
    glob = glob.removeprefix("/")  # as the key, whose first one the caller takes off
    made, at = [], 0
    for match in _GLOB.finditer(glob):
        made += [re.escape(glob[at : match.start()]), _IN_GLOB.get(match[0]) or _class(match[0])]
        at = match.end()
    return "".join([*made, re.escape(glob[at:])])


def _class(text: str) -> str:
    negated = text.startswith("[!")
    inside = text[2:-1] if negated else text[1:-1]
    if not inside:
        return re.escape(text)
    escaped = re.sub(r"([\\^\[\]&~|])", r"\\\1", inside)
    made = f"(?!/)[{'^' * negated}{escaped}]"
    try:
        re.compile(made)
    except re.error:  # such as [z-a]
        return re.escape(text)
    return made


def matcher(glob: str) -> Matcher:
    """Return a function that tells whether a key below a prefix matches a glob."""
    if glob == "**":
        return lambda _: True
    return re.compile(regex_of(glob + "**" * glob.endswith("/")), re.DOTALL).fullmatch


def excluder(globs: str | Iterable[str]) -> Matcher:
    """Return a function that tells whether any of some globs matches a key below a prefix.

    A glob without a slash is compared with the last part of the key, in whatever folder it is.
    """
    several = [globs] if isinstance(globs, str) else list(globs)
    if not several:
        return lambda _: False
    made = [
        regex_of(each + "**" * each.endswith("/")) if "/" in each else f"(?:.*/)?{regex_of(each)}" for each in several
    ]
    names = [regex_of(each) for each in several if "/" not in each]
    if len(names) < len(several):
        return re.compile("|".join(made), re.DOTALL).fullmatch
    match = re.compile("|".join(names), re.DOTALL).fullmatch  # only names: no need to look at the folders
    return lambda key: match(key[key.rfind("/") + 1 :])


def apart(prefix: str, pattern: str = "**") -> tuple[str, str]:
    """Take a glob out of a prefix: return the prefix before it, and the glob with the pattern behind it.

    ``*`` or ``?`` make a prefix a glob; brackets alone stand for themselves. In a bucket the prefix goes on up to the
    glob; of a local path the last whole folder is left.
    """
    scheme, mark, rest = prefix.partition("://")
    body = rest if mark else prefix
    bucket, slash, key = body.partition("/") if mark and scheme.lower() != "file" else ("", "", body)
    magic = re.search(r"[*?]", key)
    if not magic:
        return prefix, pattern
    at = key.find("[")
    if not slash:  # a local path
        at = key.rfind("/", 0, magic.start()) + 1
    elif not 0 <= at < magic.start() or "]" not in key[at:]:
        at = magic.start()
    glob = key[at:]
    if pattern != "**" or glob.endswith("/"):
        glob = f"{glob.rstrip('/')}/{pattern}"
    return f"{scheme}{mark}{bucket}{slash}{key[:at]}" if mark else key[:at], glob


# The account


@dataclass
class Account:
    """What became of every object of a listing.

    :param listed: objects found.
    :param left_out: objects by the first reason that held.
    :param present: objects that are in Encord as they are.
    :param changed: objects that are in Encord with another content.
    :param new: objects that are not in Encord.
    :param new_items: items that the new ones make; a group counts once.
    :param title_collisions: titles that several items of the listing have.
    :param metadata_unused: rows of metadata that no item has used; None if there is none of single items.
    :param without_metadata: new items for which there is no such row.
    """

    listed: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    present: int = 0
    changed: int = 0
    new: int = 0
    new_items: int = 0
    title_collisions: int = 0
    metadata_unused: int | None = None
    without_metadata: int | None = None

    def balanced(self) -> bool:
        """Whether every object is accounted for; only at the end of a listing."""
        return self.listed == sum(self.left_out.values()) + self.present + self.changed + self.new

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers for a report."""
        return {
            "listed": self.listed,
            "left_out": dict(self.left_out),
            "present": self.present,
            "changed": self.changed,
            "new": self.new,
            "new_items": self.new_items,
            "title_collisions": self.title_collisions,
            **self._metadata(),
        }

    def _metadata(self) -> dict[str, int]:
        counts = {"metadata_unused": self.metadata_unused, "without_metadata": self.without_metadata}
        return {name: count for name, count in counts.items() if count is not None}

    def __str__(self) -> str:
        """Return the numbers for a log line."""
        if not self.listed:
            return "nothing listed: no object lies there"
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.left_out.items() if count)
        left_out = f"{sum(self.left_out.values()):,} left out{f' ({reasons})' * bool(reasons)}"
        metadata = "".join(f", {count:,} {name}" for name, count in self._metadata().items())
        return (
            f"{self.listed:,} objects listed: {left_out}, "
            f"{self.present:,} present, {self.changed:,} changed, {self.new:,} new (items: {self.new_items:,})"
            f"{metadata}"
        )


class Selection:
    """Tells which objects are wanted, and counts the others by reason.

    :param prefix: key of the folder or prefix that was listed; pattern and exclude see what follows it.
    :param kinds: by extension, as :func:`kinds_table` returns them.
    :param pattern: glob of what is wanted.
    :param exclude: glob or globs of what is not; ``()`` for none.
    :param modified_after: the first moment of the window.
    :param modified_before: the moment that ends it.
    :param include_archived: whether objects that must be restored first are wanted.
    """

    def __init__(
        self,
        prefix: str,
        kinds: Mapping[str, str],
        *,
        pattern: str = "**",
        exclude: str | Sequence[str] = (),
        min_size: int = 0,
        max_size: int | None = None,
        modified_after: datetime | None = None,
        modified_before: datetime | None = None,
        include_archived: bool = False,
    ) -> None:
        self.account = Account()
        self._prefix = prefix
        self._kinds = kinds
        self._every = pattern == "**"
        self._matches = matcher(pattern)
        self._excluded = excluder(exclude)
        self._min_size = min_size if min_size > 1 else 0  # a size of 0 is a reason of its own
        self._max_size = float("inf") if max_size is None else max_size
        self._after, self._before = modified_after, modified_before
        self._window = modified_after is not None or modified_before is not None
        self._archived = frozenset() if include_archived else ARCHIVED

    def wanted(self, objects: Iterable[StoredObject]) -> Iterator[tuple[StoredObject, str]]:
        """Yield the objects that are wanted, each with its kind.

        :raises EncordInputError: there is a window, and the store does not tell when an object was written.
        """
        account, left_out = self.account, self.account.left_out
        for found in objects:
            account.listed += 1
            kind = kind_of(found.key, self._kinds)
            reason = self._reason(found) if kind else "kind"
            if kind and not reason:
                yield found, kind
            elif reason:
                left_out[reason] += 1

    def _reason(self, found: StoredObject) -> str | None:
        key = found.key.removeprefix(self._prefix).removeprefix("/")
        if not self._every and not self._matches(key):
            return "pattern"
        if self._excluded(key):
            return "exclude"
        if not self._min_size <= found.size <= self._max_size:
            return "size"
        if self._window and not self._in_window(found):
            return "interval"
        if not found.size:
            return "empty"
        return "archived" if found.storage_class in self._archived else None

    def _in_window(self, found: StoredObject) -> bool:
        if found.modified is None:
            raise EncordInputError(
                f"The store does not tell when {shown(found.url)} was written, so no object can be chosen by time: "
                "leave in_data_interval, modified_after and modified_before out."
            )
        return (self._after is None or self._after <= found.modified) and (
            self._before is None or found.modified < self._before
        )
