"""A process per agent: all work, each alone; whichever dies, nothing is lost and nothing is left."""

from __future__ import annotations

import os
import signal

import pytest
from tests.integration.cli.installed import Place, wait_until

_AGENTS = {"claude", "deepseek", "gemini", "gpt", "local", "mistral"}


def _hosts(place: Place) -> dict[str, int]:
    """The processes of single agents, by agent."""
    found = {}
    for pid, command in place.processes().items():
        if "only=" in command:
            found[command.split("only=")[1].split()[0]] = pid
    return found


@pytest.fixture
def apart(place: Place) -> Place:
    """A fleet whose agents are processes of their own, with simulated models."""
    place.environ["EZ_RUNTIME"] = "processes"
    place.up("--sim")
    return place


def test_every_agent_has_a_process_and_works(apart: Place) -> None:
    """The first host runs none; all are ready when the fleet says so; a task of each kind is done."""
    assert set(_hosts(apart)) == _AGENTS
    assert {row["name"]: row["health"] for row in apart.json("agents")["agents"]} == dict.fromkeys(_AGENTS, "healthy")
    assert apart.json("status")["host"]["name"] == "main"
    for agent in ("local", "claude"):
        assert apart.ez("run", "--agent", agent, "--kind", "analyze", "look", "knots.py").code == 0


def test_down_stops_them_all(apart: Place) -> None:
    """One command, and nothing runs."""
    assert apart.ez("down").code == 0
    assert not apart.processes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_none_outlives_the_first_host(apart: Place, number: signal.Signals) -> None:
    """Stopped or killed, it takes the others along; the next start has all of them again."""
    os.kill(int(apart.json("status")["host"]["pid"]), number)
    wait_until(lambda: not _hosts(apart), "the agents' processes have ended")
    apart.up("--sim")
    assert set(_hosts(apart)) == _AGENTS


def test_one_that_is_killed_comes_back(apart: Place) -> None:
    """Its task is taken up again, and the others do not notice."""
    before = _hosts(apart)
    apart.kill(before["local"])
    wait_until(lambda: "local" in _hosts(apart), "there is a new one")
    assert apart.ez("run", "--agent", "local", "look", "knots.py").code == 0
    assert {name: pid for name, pid in _hosts(apart).items() if name != "local"} == {
        name: pid for name, pid in before.items() if name != "local"
    }


def test_one_that_cannot_start_stops_the_start(place: Place) -> None:
    """The reason is told, with the log's name, and nothing is left running."""
    first = place.up("--name", "other.local")
    refused = place.ez("up", "--detach", "--name", "other", EZ_RUNTIME="processes")
    assert refused.code == 3
    assert "local" in refused.error
    assert [pid for pid, command in place.processes().items() if "cli.host" in command] == [first]


def test_started_one_after_the_other_all_work(place: Place) -> None:
    """The sequential start ends where the parallel one does."""
    place.up(EZ_RUNTIME="processes", EZ_START="sequential")
    assert set(_hosts(place)) == _AGENTS
    assert place.ez("run", "--agent", "local", "look", "knots.py").code == 0
