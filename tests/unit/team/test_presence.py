"""What silence, sickness and a pause mean."""

from __future__ import annotations

import pytest

from ezaigents.records import AgentCard, AgentState, Health, HostCard
from ezaigents.team.presence import GONE_AFTER_S, Presence, Seen, State, agent_presence, by_capability, presence

_NOW_MS = 1_700_000_000_000


def _seen(*agents: AgentCard, silent_s: float = 0, health: Health | None = None) -> Seen:
    card = HostCard(
        name="main", pid=1, node="n", boot="b", home="/d", places=(), agents=agents, started_ms=0, started_in_ms=0
    )
    return Seen(card, health or Health(), _NOW_MS - round(silent_s * 1000), _NOW_MS)


@pytest.mark.parametrize(("silent_s", "state"), [(0, "healthy"), (60, "healthy"), (60.001, "gone"), (-500, "healthy")])
def test_a_host_is_gone_when_it_was_silent_for_a_minute(silent_s: float, state: str) -> None:
    """More than two heartbeats have to be missing; an engine's clock that was set back makes nobody gone."""
    assert presence(_seen(silent_s=silent_s)).state.value == state


def test_a_host_says_itself_what_ails_it() -> None:
    """A reason makes it degraded; once it is gone the reason is that it was not seen."""
    ill = Health(host="its memory is at the limit of 64 MiB")
    assert str(presence(_seen(health=ill))) == "degraded: its memory is at the limit of 64 MiB"
    assert str(presence(_seen(health=ill, silent_s=90))) == "gone: last seen 90 s ago"


def test_gone_comes_before_paused_before_degraded_before_busy() -> None:
    """Of all that is true of an agent the strongest is said, and only degraded and gone have reasons."""
    ill = Health(agents={"a": "3 attempts in a row failed: boom"})
    silent = _seen(health=ill, silent_s=GONE_AFTER_S + 1)
    assert agent_presence(silent, "a", busy=1, paused={"a"}).state is State.GONE
    assert agent_presence(_seen(health=ill), "a", busy=1, paused={"a"}) == Presence(State.PAUSED)
    assert agent_presence(_seen(health=ill), "a", busy=1, paused={"*"}) == Presence(State.PAUSED)
    assert agent_presence(_seen(health=ill), "a", busy=1, paused={"b"}) == Presence(State.DEGRADED, ill.agents["a"])
    assert agent_presence(_seen(health=ill), "b", busy=1, paused=()) == Presence(State.BUSY)
    assert agent_presence(_seen(health=ill), "b", busy=0, paused=()) == Presence(State.HEALTHY)


def test_an_agent_that_is_named_without_a_reason_is_well() -> None:
    """The full heartbeat names every agent; those without a reason are not degraded."""
    assert agent_presence(_seen(health=Health(agents={"a": ""})), "a", busy=0, paused=()).state is State.HEALTHY


def test_capabilities_find_agents_each_once_and_ready_ones_first() -> None:
    """An agent that cannot work is named too, with its reason, unless another host has it ready."""
    lame = AgentCard(name="a", state=AgentState.UNAVAILABLE, reason="no key", capabilities=("tests",))
    ready = AgentCard(name="a", capabilities=("tests", "review"))
    other = AgentCard(name="0", capabilities=("review",))
    assert by_capability([_seen(lame, other)], "tests") == [lame]
    assert by_capability([_seen(lame), _seen(ready, other)], "tests") == [ready]
    assert by_capability([_seen(ready, other), _seen(lame)], "tests") == [ready]
    assert by_capability([_seen(ready, other)], "review") == [other, ready]
    assert by_capability([_seen(ready, silent_s=61)], "review") == []
    assert by_capability([_seen(ready)], "unheard of") == []
