"""Who is here: announced, beating, silent, gone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.queue.rig import PAST_MS, Rig

from ezaigents.queue.fsck import check, repair
from ezaigents.records import AgentCard, Health, HostCard
from ezaigents.team.presence import Seen, State, by_capability, presence
from ezaigents.team.registry import Registry

HOUR_MS = 3_600_000
ILL = Health(host="its memory is at the limit of 64 MiB", agents={"a": "3 attempts in a row failed: boom"})


def card(name: str = "main", **fields: Any) -> HostCard:
    """A host with one agent."""
    plain: dict[str, Any] = {
        "pid": 1, "node": "here", "boot": "b", "home": "/d", "places": ("p0",), "agents": (AgentCard(name="a"),),
        "started_ms": 5, "started_in_ms": 6,
    }  # fmt: skip
    return HostCard(name=name, **(plain | fields))


def of(rig: Rig) -> Registry:
    """The registry of the rig's namespace."""
    return Registry(rig.connection, rig.keys)


async def seen(rig: Rig, name: str = "main") -> Seen:
    """One host as listed."""
    return next(row for row in await of(rig).hosts() if row.card.name == name)


async def silent_for(rig: Rig, name: str, silent_s: float) -> None:
    """As if the host's last sign of life had been that long ago."""
    at_ms = await rig.engine_ms() - round(silent_s * 1000)
    await rig.raw("ZADD", rig.keys.hosts(), "XX", at_ms, name)


async def test_a_host_is_listed_with_all_it_said(rig: Rig) -> None:
    """Card, health and time come back as they were given; what is at its default is not even sent."""
    before_ms = await rig.engine_ms()
    told = card(port=3000, agents=(AgentCard(name="a", capabilities=("tests",)), AgentCard(name="b", slots=2)))
    await of(rig).announce(told, ILL)
    found = await seen(rig)
    assert (found.card, found.health) == (told, ILL)
    assert before_ms <= found.last_seen_ms <= found.now_ms
    stored = await rig.raw("HGET", rig.keys.host("main"), "card")
    assert b'{"name":"a","capabilities":["tests"]},{"name":"b","slots":2}' in stored
    await of(rig).announce(card())
    assert b"port" not in await rig.raw("HGET", rig.keys.host("main"), "card")


async def test_a_beat_is_a_sign_of_life(rig: Rig) -> None:
    """It moves the time and prolongs the life of the card, and leaves everything else as it was."""
    await of(rig).announce(card(), ILL)
    await silent_for(rig, "main", 100)
    await rig.raw("PEXPIRE", rig.keys.host("main"), 1000)
    assert await of(rig).beat("main")
    found = await seen(rig)
    assert found.now_ms - found.last_seen_ms < 50_000
    assert found.health == ILL
    assert HOUR_MS - 60_000 < await rig.raw("PTTL", rig.keys.host("main")) <= HOUR_MS


async def test_a_beat_carries_what_changed(rig: Rig) -> None:
    """Health is replaced by what ails now, and taken away when nothing does."""
    await of(rig).announce(card())
    assert await of(rig).beat("main", ILL)
    assert (await seen(rig)).health == ILL
    assert await of(rig).beat("main", Health())
    assert (await seen(rig)).health == Health()
    assert await rig.raw("HKEYS", rig.keys.host("main")) == [b"card"]


async def test_a_beat_without_a_card_changes_nothing(rig: Rig) -> None:
    """Where the engine has lost the card the answer is no, and nothing half of a host comes into being."""
    assert not await of(rig).beat("main", ILL)
    assert await rig.raw("DBSIZE") == 0


async def test_an_idle_beat_is_tiny_even_with_10_000_agents(rig: Rig) -> None:
    """The card travels once; a heartbeat is four commands and some hundred bytes, whatever the host runs."""
    agents = tuple(AgentCard(name=f"agent{number}") for number in range(10_000))
    await of(rig).announce(card(agents=agents))
    assert len((await seen(rig)).card.agents) == 10_000
    await of(rig).beat("main")  # the engine knows the script from here on
    before = await _traffic(rig)
    empty = [late - early for early, late in zip(before, await _traffic(rig), strict=True)]
    before = await _traffic(rig)
    await of(rig).beat("main")
    commands, size_bytes = (
        late - early - own for early, late, own in zip(before, await _traffic(rig), empty, strict=True)
    )
    assert 0 < commands <= 1 + 4
    assert 0 < size_bytes < 200


async def _traffic(rig: Rig) -> tuple[int, int]:
    lines = (await rig.raw("INFO", "stats")).decode().splitlines()
    stats = dict(line.split(":", 1) for line in lines if ":" in line)
    size_bytes = int(stats["total_net_input_bytes"])
    return int(stats["total_commands_processed"]), size_bytes


async def test_a_host_that_leaves_is_gone_at_once(rig: Rig) -> None:
    """Nothing of it remains, and those that stay are still there; to leave twice is no fault."""
    await of(rig).announce(card("main"), ILL)
    await of(rig).announce(card("other"))
    await of(rig).leave("main")
    await of(rig).leave("main")
    assert [row.card.name for row in await of(rig).hosts()] == ["other"]
    assert await rig.raw("ZRANGE", rig.keys.hosts(), 0, -1) == [b"other"]
    assert await rig.raw("EXISTS", rig.keys.host("main")) == 0
    assert not await of(rig).beat("main")


async def test_a_killed_host_is_shown_gone_and_then_forgotten(rig: Rig) -> None:
    """A minute after its last heartbeat others are told that it is gone; after an hour nobody knows of it."""
    await of(rig).announce(card("killed"))
    await silent_for(rig, "killed", 59)
    assert presence(await seen(rig, "killed")).state is State.HEALTHY
    await silent_for(rig, "killed", 61)
    assert presence(await seen(rig, "killed")).state is State.GONE
    assert HOUR_MS - 60_000 < await rig.raw("PTTL", rig.keys.host("killed")) <= HOUR_MS
    await rig.raw("DEL", rig.keys.host("killed"))  # as if its hour had passed
    await silent_for(rig, "killed", 3601)
    assert await of(rig).hosts() == []
    await of(rig).announce(card("other"))
    assert await rig.raw("ZRANGE", rig.keys.hosts(), 0, -1) == [b"other"]


@pytest.mark.parametrize("started_ms", [0, 4_102_444_800_000])
async def test_the_clock_of_a_host_means_nothing(rig: Rig, started_ms: int) -> None:
    """A host whose clock is decades off is here as long as the engine hears it, and gone when the engine does not."""
    await of(rig).announce(card(started_ms=started_ms))
    assert presence(await seen(rig)).state is State.HEALTHY
    await silent_for(rig, "main", 61)
    assert presence(await seen(rig)).state is State.GONE


async def test_a_new_life_of_a_name_starts_well(rig: Rig) -> None:
    """A host that was killed and started again is not blamed for what ailed it before."""
    await of(rig).announce(card(boot="first"), ILL)
    await of(rig).announce(card(boot="second"))
    assert [(row.card.boot, row.health) for row in await of(rig).hosts()] == [("second", Health())]


async def test_two_hosts_may_have_the_same_agent(rig: Rig) -> None:
    """Both are listed, by name; an agent is found by what it can do, on those that are not gone."""
    able = (AgentCard(name="a", capabilities=("tests",)),)
    await of(rig).announce(card("second", agents=able))
    await of(rig).announce(card("first", agents=able))
    hosts = await of(rig).hosts()
    assert [row.card.name for row in hosts] == ["first", "second"]
    assert by_capability(hosts, "tests") == [*able]
    await silent_for(rig, "first", 61)
    await silent_for(rig, "second", 61)
    assert by_capability(await of(rig).hosts(), "tests") == []


async def test_what_an_older_version_left_is_no_host(rig: Rig) -> None:
    """A card that was stored as a string is passed over, and replaced by the host that takes the name."""
    await rig.raw("SET", rig.keys.host("main"), "{}", "PX", HOUR_MS)
    await rig.raw("ZADD", rig.keys.hosts(), PAST_MS, "main")
    assert await of(rig).hosts() == []
    await of(rig).announce(card())
    assert [row.card.name for row in await of(rig).hosts()] == ["main"]


async def test_hosts_come_beat_and_go_on_a_full_engine(rig: Rig) -> None:
    """An engine without memory refuses tasks, and still says who is here."""
    used = dict(line.split(":", 1) for line in (await rig.raw("INFO", "memory")).decode().split() if ":" in line)
    await rig.raw("CONFIG", "SET", "maxmemory", str(int(used["used_memory"]) // 2))
    await of(rig).announce(card())
    assert await of(rig).beat("main", ILL)
    assert (await seen(rig)).health == ILL
    await of(rig).leave("main")


async def test_kept_plainly_a_card_has_no_end(rig: Rig) -> None:
    """It is shown for ever, also by a sign of life; whoever keeps them compactly gives those of living hosts an end."""
    plain = Registry(rig.connection, rig.keys, plain=True)
    await plain.announce(card("old"))
    await plain.announce(card())
    assert await plain.beat("main")
    assert await rig.raw("PTTL", rig.keys.host("main")) == -1
    await silent_for(rig, "old", 2 * HOUR_MS / 1000)
    await plain.announce(card())
    assert [row.card.name for row in await plain.hosts()] == ["main", "old"]
    assert not await plain.beat("nobody")
    await of(rig).announce(card())
    assert 0 < await rig.raw("PTTL", rig.keys.host("main")) <= HOUR_MS
    assert await rig.raw("EXISTS", rig.keys.host("old")) == 0


async def test_fsck_knows_how_cards_are_kept(rig: Rig) -> None:
    """A card without an end is in order where it is to have none, and nowhere else; repairing gives it what is due."""
    await Registry(rig.connection, rig.keys, plain=True).announce(card())
    assert (await check(rig.queue, plain=True)).ok
    assert list((await check(rig.queue)).broken()) == ["life"]
    await repair(rig.queue)
    assert (await check(rig.queue)).ok
    assert list((await check(rig.queue, plain=True)).broken()) == ["life"]
    await repair(rig.queue, plain=True)
    assert (await check(rig.queue, plain=True)).ok
    await repair(rig.queue)
