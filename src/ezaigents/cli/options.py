"""Options that several commands share. Job: values checked once, with words a user understands."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_AGENTS = ("local", "claude", "gpt", "deepseek", "mistral", "gemini")
_BESIDES = {"run": ("auto",), "msg": ("all", "user")}
"""What a command takes where it takes an agent."""
MOST_SECONDS = 10 * 365 * 86_400.0


def number(least: float, greatest: float, *, is_whole: bool = False) -> Callable[[str | float], float]:
    """A reader of finite numbers from `least` to `greatest`; not-a-number and infinity are none."""

    def read(value: str | float) -> float:
        try:
            found = int(value) if is_whole else float(value)
        except (ValueError, OverflowError):
            found = math.nan
        if not math.isfinite(found) or not least <= found <= greatest:
            kind = "a whole number" if is_whole else "a number"
            raise click.BadParameter(f"takes {kind} from {least:.15g} to {greatest:.15g}, not {str(value)[:80]!r}")
        return found

    return read


def whole(least: int, greatest: int) -> Callable[[str | float], float]:
    """A reader of whole numbers."""
    return number(least, greatest, is_whole=True)


def seconds(least: float = 0.0) -> Callable[[str | float], float]:
    """A reader of times in seconds, ten years at most."""
    return number(least, MOST_SECONDS)


def host_name(value: str) -> str:
    """Read a host's name: 1 to 64 letters, digits, `_`, `-`, `.`."""
    if not _HOST_NAME.match(value):
        raise click.BadParameter(f"takes 1 to 64 letters, digits, '_', '-' and '.', not {value[:80]!r}")
    return value


def complete_agent(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """What begins like that and the command takes as an agent, for the shell's completion."""
    besides = _BESIDES.get(ctx.command.name or "", ())
    return [name for name in (*besides, *_AGENTS) if name.startswith(incomplete)]


def json_option(function: _F) -> _F:
    """`--json`, on every reader."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(function)
