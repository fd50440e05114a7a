"""What the engine holds of each agent."""

from __future__ import annotations

from typing import Any

from ezaigents.monitor import KeyRow
from ezaigents.monitor.holdings import bytes_by_agent, named_keys
from ezaigents.monitor.keys import Sized


def _row(**more: Any) -> KeyRow:
    fields: dict[str, Any] = {
        "sort": "t:", "keys": 100, "keys_how": "counted", "bytes": 40_000, "bytes_how": "estimated", "sampled": 4,
        "life": "none",
    }  # fmt: skip
    return KeyRow(**(fields | more))


def test_tasks_are_shared_out_by_the_sample() -> None:
    """Of four tasks that were sized three are a's: so are three quarters of all; and that is called an estimate."""
    sized = {"t:": [Sized(f"t:{n}", 400, False, "a" if n else "b") for n in range(4)]}
    assert bytes_by_agent(["a", "b", "c"], [_row()], sized) == {
        "a": (30_000, True),
        "b": (10_000, True),
        "c": (0, False),
    }


def test_lanes_and_mailboxes_are_the_agents_own() -> None:
    """A lane of an agent in any place, the quarantine lane too, and its mailbox; nobody else's."""
    sized = {
        "ready:": [Sized("ready:a@x", 5, False), Sized("ready:a@x!", 7, False), Sized("ready:gone@x", 9, False)],
        "recent:": [Sized("recent:a", 100, True), Sized("recent:user", 1000, True)],
        "t:": [Sized("t:1", 1, False, "gone")],
    }
    assert bytes_by_agent(["a"], [_row(bytes_how="counted")], sized) == {"a": (112, False)}


def test_very_many_agents_are_not_named() -> None:
    """The work of a look is bounded, whoever is declared."""
    assert "recent:" not in named_keys([str(number) for number in range(10_000)], [])
    assert named_keys(["a"], ["a@x"])["ready:"] == ["ready:a@x"]
    assert "ready:" not in named_keys(["a"], [str(number) for number in range(10_000)])
