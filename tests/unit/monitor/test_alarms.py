"""Alarms: limits as they are written, and which look passes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitor.samples import sample

from ezaigents.errors import InputError
from ezaigents.monitor import ALARMS, EngineUse, TotalUse, limits_of, raised


def _names(limits: dict[str, float], **more: Any) -> list[str]:
    return [one.alarm for one in raised(sample(**more), limits)]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("rss=200MB", 200 * 1024**2), ("rss=1.5 GiB", 1.5 * 1024**3), ("rss=7", 7), ("cpu=50%", 50), ("cpu=50", 50),
        ("net=1MB/s", 1024**2), ("net=1kb", 1024), ("wait=10min", 600), ("wait=2h", 7200), ("dead=0", 0),
    ],
)  # fmt: skip
def test_a_limit_is_read_in_its_unit(written: str, value: float) -> None:
    """What is written replaces the usual limit of that alarm, and of no other."""
    usual = limits_of([])
    name = written.partition("=")[0]
    assert limits_of([written]) == usual | {name: value}


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("rsss=1MB", "did you mean 'rss'"),
        ("zzzzzz=1", "there are rss, cpu"),
        ("=1", "no alarm ''"),
        ("rss", "rss takes a limit such as rss=200MB, or off"),
        ("rss=", "rss takes a limit"),
        ("rss=much", "rss takes a limit"),
        ("rss=-1MB", "rss takes a limit"),
        ("rss=10%", "rss takes a limit"),
        ("cpu=10MB", "cpu takes a limit such as cpu=50%"),
        ("dead=1MB", "dead takes a limit such as dead=10"),
        ("rss=" + "9" * 400, "rss takes a limit"),
        ("rss=nan", "rss takes a limit"),
    ],
)
def test_a_limit_that_cannot_be_read_is_refused(written: str, says: str) -> None:
    """An unknown name and a broken threshold are named, with what would do."""
    with pytest.raises(InputError, match="alarm: ") as refused:
        limits_of([written])
    assert says in str(refused.value)


def test_an_alarm_can_be_switched_off() -> None:
    """`off` takes a limit away, also one that was written before it."""
    assert "dead" not in limits_of(["dead=1", "dead=OFF"])
    assert _names(limits_of(["dead=off"]), queue={"dead": 10**6}) == []


def test_each_alarm_is_raised_above_its_limit_and_not_at_it() -> None:
    """The limit itself is allowed; what is above it is told in words, with the value and the limit."""
    limits = limits_of(["dead=10"])
    assert _names(limits, queue={"dead": 10}) == []
    (one,) = raised(sample(queue={"dead": 11}), limits)
    assert (one.alarm, one.value, one.limit, one.words) == ("dead", 11, 10, "dead: dead tasks: 11, above 10")
    big = TotalUse(rss_bytes=300 * 1024**2, pss_bytes=None, cpu_share=0.6)
    limits = limits_of(["rss=200MB", "cpu=50%", "waiting=3", "wait=5"])
    assert _names(limits, total=big, queue={"ready": 4}, oldest_wait_s=6.0) == ["rss", "cpu", "waiting", "wait"]


def test_what_is_not_known_raises_nothing() -> None:
    """The first look has no shares and rates, and an engine without a limit has no share of it."""
    limits = limits_of(["cpu=0", "net=0", "engine=0"])
    first = msgspec.structs.replace(sample().network, received_per_s=None, sent_per_s=None)
    unlimited = EngineUse(kind="external", used_bytes=10**9, most_bytes=0, keys=0, keys_seen=0, keys_why="", by_sort=())
    unknown = TotalUse(rss_bytes=1, pss_bytes=None, cpu_share=None)
    assert _names(limits, network=first, engine=unlimited, total=unknown) == []


def test_an_idle_fleet_raises_none_of_the_usual_alarms() -> None:
    """The limits that nobody set are for fleets in trouble."""
    assert raised(sample(), limits_of([])) == []
    assert set(limits_of([])) == set(ALARMS)


@given(st.text(max_size=40))
def test_whatever_is_written_is_a_limit_or_refused(written: str) -> None:
    """No text is anything else."""
    try:
        limits = limits_of([written])
    except InputError:
        return
    assert set(limits) <= set(ALARMS)
    assert all(limit >= 0 for limit in limits.values())
