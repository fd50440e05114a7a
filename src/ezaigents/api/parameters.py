"""Parameters of a query string. Job: text to values, or an error that names the parameter; pure."""

from __future__ import annotations

from ezaigents.errors import InputError


def whole_number(name: str, text: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`. Raises InputError."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise InputError(name, f"takes a whole number from {least} to {most}, not {text[:80]!r}")
    return int(text)


def flag(name: str, text: str) -> bool:
    """`true` or `false`, "" = false. Raises InputError."""
    if text not in ("", "true", "false"):
        raise InputError(name, f"takes true or false, not {text[:80]!r}")
    return text == "true"


def short_text(name: str, text: str, most_chars: int) -> str:
    """Text of so many characters at most. Raises InputError."""
    if len(text) > most_chars:
        raise InputError(name, f"takes {most_chars} characters at most, not {len(text):,}")
    return text
