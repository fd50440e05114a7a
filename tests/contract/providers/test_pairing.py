"""Every hold is settled exactly once, and rightly, whatever ends the call."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.contract.providers.calling import Ledger, provider, scene
from tests.contract.providers.scripted import Play, Server, chat_events, says, silence, streams

from ezaigents.errors import EngineDown
from ezaigents.providers import Request, Reservation, Route, RoutesBusy, Text
from ezaigents.records import Usage

_HELLO = streams(chat_events())
_UNDISTURBED = 15


@pytest.mark.parametrize("play", [_HELLO, says(500, {}), streams(chat_events(), cut_after=80)])
async def test_cancelled_at_any_moment(tmp_path: Path, play: Play) -> None:
    """A call cancelled after any number of steps leaves no hold open and none settled twice.

    A hold whose request went out is never given back as if it had not.
    """
    async with Server(play) as server, scene([provider("one", server.url)], tmp_path) as scenery:
        steps, undisturbed = 0, 0
        while undisturbed < _UNDISTURBED:
            before, asked, kept = len(scenery.ledger.held), len(server.asked), len(scenery.kept)
            call = asyncio.ensure_future(scenery.call())
            for _ in range(steps):
                await asyncio.sleep(0)
            undisturbed += call.done()
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError, RoutesBusy):
                await call
            ends = scenery.ledger.settled[before:]
            assert sum(usage is not None for usage, _ in ends) <= len(scenery.kept) - kept, "paid for, and not kept"
            reached = len(server.asked) - asked
            if play is _HELLO:
                assert reached <= sum(sent for _, sent in ends)
            scenery.caller.resume("one")
            steps += 1 if steps < 60 else 7
        assert steps > 30
        assert all(usage is None or sent for usage, sent in scenery.ledger.settled)


class _Gated(Ledger):
    """A meter that takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = asyncio.Event()

    async def reserve(self, route: Route, request: Request, body_bytes: int, attempt: int) -> Reservation:
        self.waiting.set()
        await self.gate.wait()
        return await super().reserve(route, request, body_bytes, attempt)


async def test_cancelled_while_the_meter_thinks(tmp_path: Path) -> None:
    """A hold that is granted to a caller who has left is given back, and nothing is sent."""
    ledger = _Gated()
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path, ledger=ledger) as play:
        call = asyncio.ensure_future(play.call())
        await ledger.waiting.wait()
        call.cancel()
        await asyncio.sleep(0)
        assert not call.done()
        ledger.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert ledger.settled == [(None, False)]
        assert server.asked == []


class _SlowToSettle(_Gated):
    """A meter that takes its time in the end."""

    async def reserve(self, route: Route, request: Request, body_bytes: int, attempt: int) -> Reservation:
        return await Ledger.reserve(self, route, request, body_bytes, attempt)

    async def settle(self, reservation: Reservation, route: Route, usage: Usage | None, *, sent: bool) -> None:
        self.waiting.set()
        await self.gate.wait()
        await super().settle(reservation, route, usage, sent=sent)


async def test_cancelled_while_the_answer_is_settled(tmp_path: Path) -> None:
    """Whoever is cancelled then has the answer, and hears of the cancellation at the next wait."""
    ledger, got = _SlowToSettle(), list[object]()
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path, ledger=ledger) as play:

        async def story() -> None:
            got.append(await play.call())
            await asyncio.sleep(60)

        call = asyncio.ensure_future(story())
        await ledger.waiting.wait()
        call.cancel()
        await asyncio.sleep(0)
        ledger.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert got == play.kept
        assert len(got) == 1
        assert [sent for _, sent in ledger.settled] == [True]


class _Away(Ledger):
    """A meter that cannot be reached any more once the answer is there."""

    async def settle(self, reservation: Reservation, route: Route, usage: Usage | None, *, sent: bool) -> None:
        await super().settle(reservation, route, usage, sent=sent)
        raise EngineDown("the engine does not answer")


async def test_an_answer_is_not_lost_with_the_meter(tmp_path: Path) -> None:
    """A paid answer comes back though its hold cannot be settled: the hold ends as spent by itself."""
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path, ledger=_Away()) as play:
        assert (await play.call()).parts == (Text("hello"),)


async def test_whoever_listens_may_fail(tmp_path: Path) -> None:
    """An error of the one who is given the text ends the call, and the hold is settled in full."""

    def fails(text: str) -> None:
        raise ValueError(text)

    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path) as play:
        routes = [Route("one", "m")]
        from tests.contract.providers.calling import request

        with pytest.raises(ValueError, match="hello"):
            await play.caller.call(routes, request(), play.ledger, on_text=fails)
        assert play.ledger.settled == [(None, True)]


async def test_a_call_within_a_deadline_of_its_caller(tmp_path: Path) -> None:
    """A deadline around the call ends it as a deadline, once its hold is settled."""
    async with Server(silence()) as server, scene([provider("one", server.url)], tmp_path) as play:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await play.call()
        assert play.ledger.settled == [(None, True)]
