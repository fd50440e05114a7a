"""What a file lease may be on: a path, or a pattern of paths, beneath the workspace. Job: refuse the others.

    src/app.py     that path
    src/*.py       `*`: any part of one name; `?`: one character of it
    src/**         everything beneath; `**` between names: any number of folders

Names are told apart by case. Not its job: whether two patterns meet (lua/shared/overlap.lua), and whether there is
such a file. In a name that holds `*` or `?` itself these mean the same: such a lease covers more than the one file.
"""

from __future__ import annotations

from collections.abc import Iterable

from ezaigents.codec import printable
from ezaigents.errors import InputError, LimitReached

PATH_MAX_BYTES = 4095
NAME_MAX_BYTES = 255
"""The longest path, and name in it, that the system takes."""
PATTERNS_MOST = 1000
WILDCARD_MAX_BYTES = 512
WILD_MOST = 100
"""Longer patterns with wildcards, or more, would be compared for so long that the engine serves nobody meanwhile."""
_SHOWN = 80


def check_pattern(pattern: str) -> None:
    """Raise InputError for what names nothing in the workspace, or cannot be a lease."""
    reason = _fault(pattern)
    if reason:
        raise InputError("pattern", f"{printable(pattern[:_SHOWN])!r} {reason}")


def checked(patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns in order, each once. Raises InputError, and LimitReached for over 1,000, 100 with wildcards."""
    ordered = tuple(sorted(set(patterns)))
    if not ordered:
        raise InputError("pattern", "none is given; name the files to lease, such as src/app.py or src/**")
    _check_count("file leases", len(ordered), PATTERNS_MOST)
    _check_count("file leases with wildcards", sum(map(_is_wild, ordered)), WILD_MOST)
    for pattern in ordered:
        check_pattern(pattern)
    return ordered


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise LimitReached(f"{count} {what} at once, limit {limit}; lease whole folders instead, such as src/**")


def _is_wild(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _fault(pattern: str) -> str:
    names = pattern.split("/")
    if not pattern or pattern == ".":
        return "names no file; `**` stands for the whole workspace"
    if pattern.startswith("/") or ".." in names:
        return "lies outside the workspace; give a path relative to it"
    if "" in names or "." in names:
        return "is not in its shortest form; leave out `.`, double and trailing `/`"
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in pattern):
        return "holds control characters"
    return _too_long(pattern, names)


def _too_long(pattern: str, names: Iterable[str]) -> str:
    try:
        longest = max(len(name.encode("utf-8", "surrogateescape")) for name in names)
        size = len(pattern.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return "holds half a character, which no file name does"
    if longest > NAME_MAX_BYTES:
        return f"holds a name of {longest} bytes, limit {NAME_MAX_BYTES}"
    limit = WILDCARD_MAX_BYTES if _is_wild(pattern) else PATH_MAX_BYTES
    return f"is {size} bytes, limit {limit}" if size > limit else ""
