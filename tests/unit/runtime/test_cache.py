"""One contract for every cache, and the bounds of the bounded one."""

from __future__ import annotations

import pytest

from ezaigents.clock import ManualClock
from ezaigents.runtime import Cache, make_cache
from ezaigents.runtime.cache import BoundedCache, PlainCache
from ezaigents.settings import Settings


def _bounded(clock: ManualClock, *, entries: int = 100, size_bytes: int = 10_000) -> BoundedCache:
    return BoundedCache(entries=entries, ttl_s=300, size_bytes=size_bytes, clock=clock)


@pytest.fixture(params=["bounded", "plain"])
def cache(request: pytest.FixtureRequest) -> Cache:
    """Each of the two, as the settings make them."""
    return make_cache(Settings(memory=request.param), ManualClock())


def test_what_was_put_is_got(cache: Cache) -> None:
    """A value is given back as it was put, the latest one under its key."""
    value = object()
    cache.put("k", "old", 3)
    cache.put("k", value, 3)
    assert cache.get("k") is value


def test_what_was_not_put_is_none(cache: Cache) -> None:
    """An unknown key has no value, whatever else is kept."""
    cache.put("k", 1, 1)
    assert cache.get("other") is None


def test_falsy_values_are_values(cache: Cache) -> None:
    """An empty value is kept like any other."""
    cache.put("k", "", 0)
    assert cache.get("k") == ""


def test_the_settings_choose() -> None:
    """`memory` names the implementation."""
    assert isinstance(make_cache(Settings(memory="plain"), ManualClock()), PlainCache)
    assert isinstance(make_cache(Settings(memory="bounded"), ManualClock()), BoundedCache)


def test_the_settings_give_the_bounds() -> None:
    """Entries, bytes and time to live are those of the settings."""
    clock = ManualClock()
    made = make_cache(Settings(cache_entries=2, cache_bytes=2048, cache_ttl_s=5), clock)
    for name in "abc":
        made.put(name, name, 1)
    assert [made.get(name) for name in "abc"] == [None, "b", "c"]
    made.put("large", 1, 2049)
    assert made.get("large") is None
    clock.advance(5.1)
    assert made.get("b") is None


def test_at_most_so_many_entries() -> None:
    """The hundred and first entry costs the one that was used longest ago."""
    cache = _bounded(ManualClock())
    for number in range(100):
        cache.put(str(number), number, 1)
    assert cache.get("0") == 0
    cache.put("new", 1, 1)
    assert len(cache) == 100
    assert (cache.get("0"), cache.get("1")) == (0, None)


def test_at_most_so_many_bytes() -> None:
    """A value costs as many of the others, oldest first, as its bytes need."""
    cache = _bounded(ManualClock(), size_bytes=100)
    for name in "abc":
        cache.put(name, name, 30)
    cache.put("d", "d", 60)
    assert [cache.get(name) for name in "abcd"] == [None, None, "c", "d"]


def test_one_larger_than_the_cache_is_not_kept() -> None:
    """A value that could never fit costs nothing that is kept."""
    cache = _bounded(ManualClock(), size_bytes=100)
    cache.put("a", "a", 30)
    cache.put("large", "large", 101)
    assert (cache.get("a"), cache.get("large")) == ("a", None)


def test_an_unused_value_is_gone_after_its_time() -> None:
    """Five minutes after its last use a value is gone, and its bytes are free."""
    clock = ManualClock()
    cache = _bounded(clock)
    cache.put("k", "v", 1)
    clock.advance(299)
    assert cache.get("k") == "v"
    clock.advance(301)
    assert cache.get("k") is None
    assert len(cache) == 0


def test_each_use_begins_its_time_anew() -> None:
    """A value in use stays, however long ago it was put."""
    clock = ManualClock()
    cache = _bounded(clock)
    cache.put("k", "v", 1)
    for _ in range(5):
        clock.advance(200)
        assert cache.get("k") == "v"
