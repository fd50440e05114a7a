"""A mapping of bounded size. Job: forget what was used longest ago. Not its job: time."""

from __future__ import annotations

from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Bounded(Generic[_K, _V]):
    """Holds at most `most` entries."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[_K, _V] = {}

    def get(self, key: _K) -> _V | None:
        """The value, now the last to be forgotten; None = there is none."""
        if key not in self._entries:
            return None
        value = self._entries.pop(key)
        self._entries[key] = value
        return value

    def put(self, key: _K, value: _V) -> None:
        """Keep a value; the one that was used longest ago makes room."""
        self._entries.pop(key, None)
        self._entries[key] = value
        if len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]

    def __len__(self) -> int:
        return len(self._entries)
