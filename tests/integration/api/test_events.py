"""What happens, as it is told: over server-sent events and WebSockets, to many, after a gap, and to who is slow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
from tests.integration.api.site import Site, open_site
from tests.integration.runtime.fleets import agent
from tests.leaks import run, until

from ezaigents.agents import Context
from ezaigents.api import hub
from ezaigents.records import Claim, Result
from ezaigents.settings import Settings


class Ear:
    """One stream of events, read in the background. `heard`: (id, event), in the order in which they came."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for _, event in self.heard if event["type"] == kind]

    def has(self, kind: str, **fields: Any) -> bool:
        """Whether such an event came."""
        return any(all(event[name] == value for name, value in fields.items()) for event in self.of(kind))


@contextlib.asynccontextmanager
async def listening(site: Site, query: str = "", **headers: str) -> AsyncIterator[Ear]:
    """An ear that hears by the time this yields."""
    ear, begun = Ear(), asyncio.Event()

    async def hear() -> None:
        head = {"authorization": f"Bearer {site.access.own_token()}", **headers}
        async with (
            httpx2.AsyncClient(base_url=site.origin, timeout=60, trust_env=False) as client,
            client.stream("GET", f"/api/events{query}", headers=head) as answer,
        ):
            assert answer.status_code == 200
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    name = line[4:]
                elif line.startswith("data: "):
                    ear.heard.append((name, msgspec.json.decode(line[6:])))
                    name = ""
                elif line.startswith("retry"):
                    begun.set()

    task = asyncio.create_task(hear())
    try:
        await asyncio.wait_for(begun.wait(), 20)
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _hears(site: Site, *ears: Ear) -> None:
    """Wait until tasks that end now are heard of."""
    while not all(ear.of("task-update") for ear in ears):
        await site.yard.ended(await site.yard.hand_in(1))
        await asyncio.sleep(0.05)


def test_what_is_written_is_told(settings: Settings) -> None:
    """A message to an agent reaches whoever listens as a hint that names the agent."""

    async def story() -> None:
        async with open_site(settings) as site, listening(site) as ear:
            await _hears(site, ear)
            while not ear.has("message-update", to=["a"]):
                await site.post("/api/messages", {"to": "a", "text": "x"})
                await asyncio.sleep(0.05)

    run(story())


def test_a_watched_task_is_heard_while_it_speaks(settings: Settings) -> None:
    """What its model says comes in pieces that make the whole; what is not watched is not heard."""
    go, ids = asyncio.Event(), list[str]()

    async def do(claim: Claim, context: Context) -> Result:
        number = 0
        while not go.is_set():
            context.voice.say(1, f"{number} ")
            number += 1
            await asyncio.sleep(0.02)
        return Result()

    async def story() -> None:
        async with open_site(settings, agent(do, slots=2)) as site:
            ids.extend(await site.yard.hand_in(2))
            async with listening(site, f"?output={ids[0]}") as ear:

                def text() -> str:
                    return "".join(event["text"] for event in ear.of("task-output"))

                await until(lambda: len(ear.of("task-output")) >= 3, 20)
                numbers = [int(word) for word in text().split()[:-1]]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
                assert {event["task"] for event in ear.of("task-output")} == {ids[0]}
                go.set()
            await site.yard.ended(ids)

    run(story())


def test_outputs_that_cannot_be_are_refused(settings: Settings) -> None:
    """What is no id, and too many of them."""

    async def story() -> None:
        async with open_site(settings) as site:
            for query in ("output=x", "&".join(["output=" + "0" * 18] * 17)):
                assert (await site.get(f"/api/events?{query}")).status_code == 422

    run(story())


def test_who_comes_back_hears_what_was_missed(settings: Settings) -> None:
    """Nothing between is lost, and nothing is told twice; an event that is forgotten is answered with resync."""

    async def story() -> None:
        async with open_site(settings) as site:
            async with listening(site) as ear:
                await _hears(site, ear)
                last = ear.heard[-1][0] or next(name for name, _ in reversed(ear.heard) if name)
            ids = await site.yard.hand_in(5)
            await site.yard.ended(ids)
            async with listening(site, **{"last-event-id": last}) as again:
                await until(
                    lambda: {one for event in again.of("task-update") for one in event["tasks"]} >= set(ids), 20
                )
                names = [name for name, _ in again.heard if name]
                assert len(names) == len(set(names))
                assert min(tuple(map(int, name.split("-"))) for name in names) > tuple(map(int, last.split("-")))
            async with listening(site, "?since=1-1") as late:
                await until(lambda: late.has("resync", why="late"), 20)

    run(story())


def test_many_listeners_cost_one_reader(settings: Settings) -> None:
    """The engine sees as many connections for thirty as for one, and all hear the same; none is left afterwards."""

    async def story() -> None:
        async with open_site(settings) as site:

            async def connections() -> int:
                said: bytes = await site.yard.queue.read("INFO", "clients")
                return next(int(line.split(b":")[1]) for line in said.splitlines() if line.startswith(b"connected_"))

            await site.get("/api/me")
            before = await connections()
            async with contextlib.AsyncExitStack() as leaving:
                first = await leaving.enter_async_context(listening(site))
                await _hears(site, first)
                one = await connections()
                ears = [await leaving.enter_async_context(listening(site)) for _ in range(29)]
                await _hears(site, *ears)
                assert (one, await connections()) == (before + 2, before + 2)
            while await connections() > before:
                await asyncio.sleep(0.02)

    run(story())


def test_who_does_not_take_what_is_told_is_told_to_read_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for him is bounded, and replaced by one word."""
    monkeypatch.setattr(hub, "WAITING_MOST", 8)
    listener = hub.Subscription()
    updates = [hub.told(hub.MessageUpdate(to=(str(number),))) for number in range(9)]

    async def story() -> None:
        for update in updates[:8]:
            listener.put([update])
        assert len(await listener.take(1)) == 8
        for update in updates:
            listener.put([update])
        (only,) = await listener.take(1)
        assert msgspec.json.decode(only.data) == {"type": "resync", "why": "slow"}

    run(story())
