"""What the first bytes of a text file tell of its encoding."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"
"""What some systems put before UTF-8."""


def encoding_problem(head: bytes) -> str | None:
    """Return why a file cannot be read as UTF-8, by its first bytes, and what to do; None if they show nothing."""
    if head.startswith(b"\x1f\x8b"):
        return "is compressed with gzip; unpack it first"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head.removeprefix(BOM)[:4]:
        return "is UTF-16 or UTF-32; save it as UTF-8"
    return None
