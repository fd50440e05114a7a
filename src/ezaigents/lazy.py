"""Rooms whose files are loaded when a name of theirs is first asked for. Job: a package's `__getattr__` (PEP 562).

An idle host needs little of most rooms, and a command line even less; what is never asked for is never loaded. Type
checkers read the imports beside it; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def loader(room: str, files: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """Make the `__getattr__` of the package `room`; `files`: the names that each of its files gives."""
    homes = {name: file for file, names in files.items() for name in names}

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{homes[name]}"), name)

    return load
