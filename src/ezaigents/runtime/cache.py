"""What a host keeps in memory to avoid doing twice. Job: the seam, with its two implementations.

Bounded: at most so many entries and bytes, each gone some time after its last use. Plain: keeps everything, as the
systems before did; it is there to be compared with.
"""

from __future__ import annotations

from typing import Any, Protocol

from cachetools import TTLCache

from ezaigents.clock import Clock
from ezaigents.settings import Settings


class Cache(Protocol):
    """Values by key; `size_bytes` is the caller's estimate of what the value holds."""

    def get(self, key: str) -> Any | None:
        """The value, its time to live begun anew; None when it is not kept."""

    def put(self, key: str, value: Any, size_bytes: int) -> None:
        """Keep the value, at the cost of the least recently used ones; one larger than the cache is not kept."""


class BoundedCache:
    """Bounded by entries, bytes and time since last use. Source of the order of eviction: cachetools.TTLCache."""

    def __init__(self, *, entries: int, ttl_s: float, size_bytes: int, clock: Clock) -> None:
        self._entries = entries
        self._kept: TTLCache[str, tuple[Any, int]] = TTLCache(
            maxsize=size_bytes, ttl=ttl_s, timer=clock.monotonic_s, getsizeof=lambda kept: kept[1]
        )

    def get(self, key: str) -> Any | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept[key] = kept  # TTLCache counts from the last write
        return kept[0]

    def put(self, key: str, value: Any, size_bytes: int) -> None:
        if size_bytes > self._kept.maxsize:
            return
        self._kept[key] = (value, size_bytes)
        while len(self._kept) > self._entries:
            self._kept.popitem()

    def __len__(self) -> int:
        self._kept.expire()
        return len(self._kept)


class PlainCache:
    """A mapping without bounds."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any | None:
        return self._kept.get(key)

    def put(self, key: str, value: Any, size_bytes: int) -> None:
        self._kept[key] = value

    def __len__(self) -> int:
        return len(self._kept)


def make_cache(settings: Settings, clock: Clock) -> Cache:
    """The cache that the settings name."""
    if settings.memory == "plain":
        return PlainCache()
    return BoundedCache(
        entries=settings.cache_entries,
        ttl_s=settings.cache_ttl_s,
        size_bytes=settings.cache_bytes,
        clock=clock,
    )
