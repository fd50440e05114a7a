"""What listeners are told: everything, or that something was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest
from tests.leaks import run

from ezaigents.api.hub import Hub
from ezaigents.client import EVENTS_MOST, Client, Event
from ezaigents.records import TaskState

BEFORE = "100-0"


class _Engine:
    """A stream of events: `batches` are read one after the other; `first` is the oldest it keeps by then."""

    def __init__(self, batches: list[list[Event]], first: str) -> None:
        self._batches = batches
        self._first = first
        self.asked = 0

    async def last_event(self) -> str:
        return BEFORE

    async def first_event(self) -> str:
        self.asked += 1
        return self._first

    async def events(self, **_: Any) -> AsyncIterator[list[Event]]:
        for batch in self._batches:
            yield batch
        await asyncio.Event().wait()


def _batch(count: int, at_ms: int) -> list[Event]:
    return [
        Event(run="r", state=TaskState.DONE, tasks=(str(number),), at_ms=at_ms, id=f"{at_ms}-{number}")
        for number in range(count)
    ]


async def _heard(engine: _Engine, count: int) -> list[dict[str, Any]]:
    hub, heard = Hub(cast("Client", engine)), list[dict[str, Any]]()
    async with hub.subscribe() as listener:
        while sum(one["type"] == "task-update" for one in heard) < count:
            heard += [msgspec.json.decode(one.data) for one in await listener.take(20)]
    return heard


@pytest.mark.parametrize(
    ("count", "first", "lost"),
    [(EVENTS_MOST, "100-1", True), (EVENTS_MOST, "100-0", False), (EVENTS_MOST, "99-7", False), (3, "150-0", False)],
    ids=["forgotten", "just kept", "kept", "few"],
)
def test_events_that_the_engine_forgot_are_said_to_be_lost(count: int, first: str, *, lost: bool) -> None:
    """Where the reader was so late that the capped stream has lost what follows the last event, all are told to read
    anew, before they are told what comes after the gap; where nothing can be lost, the engine is not even asked.
    """

    async def story() -> None:
        engine = _Engine([_batch(count, 200)], first)
        heard = [one for one in await _heard(engine, count) if one["type"] != "agent-update"]
        assert [one["type"] for one in heard] == (["resync"] if lost else []) + ["task-update"] * count
        assert engine.asked == (count == EVENTS_MOST)

    run(story())


def test_every_event_is_told_once_and_in_order() -> None:
    """Events that are gathered for a while lose none and keep their order."""

    async def story() -> None:
        engine = _Engine([_batch(3, at_ms) for at_ms in range(200, 210)], BEFORE)
        heard = [one for one in await _heard(engine, 30) if one["type"] == "task-update"]
        assert [one["id"] for one in heard] == [f"{at_ms}-{number}" for at_ms in range(200, 210) for number in range(3)]

    run(story())
