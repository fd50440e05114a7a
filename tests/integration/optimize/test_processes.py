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


def test_down_lets_running_tasks_end(apart: Place) -> None:
    """The word to stop reaches an agent's process twice, and is no hurry: what takes a moment ends."""
    apart.ez("run", "--agent", "claude", "--no-wait", "greet [fault first_byte_s=2]", "knots.py")
    wait_until(lambda: apart.json("status")["queue"]["leased"] == 1, "it is at work")
    assert apart.ez("down").code == 0
    apart.up("--sim")
    (task,) = apart.json("tasks")["tasks"]
    assert task["state"] == "done"
    assert len(list((apart.home / "tasks" / task["id"]).glob("[0-9]*"))) == 1, "it was tried again"


def test_one_that_is_asked_to_stop_by_somebody_else_comes_back(apart: Place) -> None:
    """Nobody but the first host says that an agent's process is not needed any more."""
    before = _hosts(apart)
    os.kill(before["gpt"], signal.SIGTERM)
    wait_until(lambda: _hosts(apart).get("gpt", before["gpt"]) != before["gpt"], "there is a new one")


def test_one_that_cannot_be_started_again_is_tried_again(apart: Place) -> None:
    """Whatever is in the way: a log that cannot be opened, say."""
    log = apart.home / "host-main.claude.log"
    log.unlink()
    log.mkdir()
    before = _hosts(apart)["claude"]
    apart.kill(before)
    wait_until(lambda: "Is a directory" in (apart.home / "host-main.log").read_text(), "it is told")
    log.rmdir()
    wait_until(lambda: "claude" in _hosts(apart), "it is back")


def test_none_is_started_in_the_middle_of_a_stop(apart: Place) -> None:
    """One that died just before the fleet was told to stop stays away."""
    first = int(apart.json("status")["host"]["pid"])
    apart.kill(_hosts(apart)["claude"])
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: not apart.processes(), "all have ended")
    assert "killed" not in (apart.home / "host-main.log").read_text()


def test_a_name_that_is_too_long_for_it_is_refused(place: Place) -> None:
    """Before anything is started, with what it may be."""
    refused = place.ez("up", "--detach", "--name", "x" * 60, EZ_RUNTIME="processes")
    assert refused.code == 2
    assert "letters" in refused.error
