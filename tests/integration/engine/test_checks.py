"""Judging an engine by what it says of itself."""

from __future__ import annotations

import pytest

from ezaigents.engine.checks import check_fitness, facts_of
from ezaigents.errors import ConfigError, EngineUnfit


def _info(**lines: object) -> str:
    return "# Section\r\n" + "".join(f"{name}:{value}\r\n" for name, value in lines.items())


@pytest.mark.parametrize(
    "lines",
    [
        {"redis_version": "7.0.0"},
        {"redis_version": "10.1.0"},
        {"redis_version": "7.2.4", "valkey_version": "7.2.0"},
        {"redis_version": "7.2.4", "valkey_version": "9.1.2"},
    ],
)
def test_new_enough(lines: dict[str, str]) -> None:
    """Redis from 7.0 and Valkey from 7.2 are fit; versions compare as numbers."""
    check_fitness(facts_of(_info(**lines), None), "here")


@pytest.mark.parametrize(
    "lines",
    [{"redis_version": "6.9.9"}, {"redis_version": "7.2.4", "valkey_version": "7.1.9"}, {}, {"redis_version": "x.y"}],
)
def test_too_old(lines: dict[str, str]) -> None:
    """Whatever is older, or does not say, is unfit."""
    with pytest.raises(EngineUnfit, match=r"Redis 7\.0 or Valkey 7\.2"):
        check_fitness(facts_of(_info(**lines), None), "here")


@pytest.mark.parametrize("mode", ["sentinel", "cluster"])
def test_modes(mode: str) -> None:
    """A Sentinel and a Cluster are refused by name."""
    with pytest.raises(ConfigError, match=mode):
        check_fitness(facts_of(_info(redis_version="7.0.0", redis_mode=mode), None), "here")


def test_eviction_needs_a_limit() -> None:
    """A policy that evicts is refused where there is a limit to reach."""
    said = {"redis_version": "7.0.0", "maxmemory_policy": "volatile-lru"}
    check_fitness(facts_of(_info(**said, maxmemory=0), None), "here")
    with pytest.raises(EngineUnfit, match="CONFIG SET maxmemory-policy noeviction"):
        check_fitness(facts_of(_info(**said, maxmemory=1), None), "here")


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (None, "unknown"),
        ({}, "unknown"),
        ({"appendonly": "no", "appendfsync": "always"}, "none"),
        ({"appendonly": "yes", "appendfsync": "always"}, "always"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "everysec"),
        ({"appendonly": "yes", "appendfsync": "no"}, "none"),
        ({"appendonly": "yes"}, "unknown"),
    ],
)
def test_durability(config: dict[str, str] | None, word: str) -> None:
    """Durability is what CONFIG says, and unknown where it says nothing."""
    assert facts_of(_info(redis_version="7.0.0"), config).durability == word
