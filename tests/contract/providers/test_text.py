"""Text as it comes, through each dialect: all of it, in order, and begun anew where a try failed in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.providers.calling import Naps, provider, request, scene
from tests.contract.providers.scripted import Server, chat_events, says, streams

from ezaigents.clock import ManualClock
from ezaigents.providers import CallFailed, Route, RoutesBusy, Text
from ezaigents.simulate import SimulatedModels

_SAID = " ".join(f"word{number}" for number in range(60))
_RULE = f'[[rule]]\nmatch = "say"\n[[rule.steps]]\ntext = "{_SAID}"\n'
_BROKEN = ("cut_after_bytes=2500", "error_event", "broken")
_EACH = pytest.mark.parametrize("dialect", ["anthropic", "responses", "chat"])


@_EACH
async def test_text_comes_in_pieces_that_are_the_answer(tmp_path: Path, dialect: str) -> None:
    """What is told while it comes is the text of the answer, in more than one piece, and nothing begins anew."""
    async with SimulatedModels([_RULE]) as models, scene([provider("one", models.url, dialect)], tmp_path) as play:
        reply = await play.call()
        assert reply.parts == (Text(_SAID),)
        assert "".join(play.said) == _SAID
        assert len(play.said) > 1
        assert play.restarts == []


@_EACH
@pytest.mark.parametrize("fault", _BROKEN)
async def test_a_stream_that_breaks_is_begun_anew(tmp_path: Path, dialect: str, fault: str) -> None:
    """Who was told a part of an answer is told that it is void, once, before the text of the next try."""
    clock = ManualClock()
    async with SimulatedModels([_RULE], faults=[f"{fault},first=1"]) as models:
        ones = [provider("one", models.url, dialect)]
        async with scene(ones, tmp_path, clock=clock, sleep=Naps(clock)) as play:
            reply = await play.call()
            assert reply.parts == (Text(_SAID),)
            [void] = play.restarts
            assert void
            assert _SAID.startswith("".join(void))
            assert "".join(play.said) == _SAID
            assert [outcome for _, _, outcome in play.outcomes][-1] == "ok"


@_EACH
async def test_another_route_begins_anew_too(tmp_path: Path, dialect: str) -> None:
    """The text of a fallback follows a new start, however often the route before it failed."""
    clock = ManualClock()
    faults = ["cut_after_bytes=2500,model=first,per=all"]
    async with SimulatedModels([_RULE], faults=faults) as models:
        ones = [provider("one", models.url, dialect), provider("two", models.url, "chat")]
        async with scene(ones, tmp_path, clock=clock, sleep=Naps(clock)) as play:
            reply = await play.call("one:first", "two:second")
            assert reply.route == "two:second"
            assert len(play.restarts) == len(play.tries) - 1
            assert all(play.restarts)
            assert "".join(play.said) == _SAID


async def test_nothing_begins_anew_where_nothing_was_told(tmp_path: Path) -> None:
    """A try that failed before its first word needs no new start."""
    clock = ManualClock()
    down, hello = says(500, {"error": {"message": "down"}}), streams(chat_events())
    async with (
        Server(down, hello) as server,
        scene([provider("one", server.url)], tmp_path, clock=clock, sleep=Naps(clock)) as play,
    ):
        await play.call()
        assert (play.restarts, play.said, len(play.tries)) == ([], ["hello"], 2)


async def test_a_call_that_fails_for_good_was_begun_anew_for_each_try(tmp_path: Path) -> None:
    """Where no try comes to its end, nothing that was told is left standing."""
    clock = ManualClock()
    async with (
        Server(streams(chat_events(), cut_after=120)) as server,
        scene([provider("one", server.url)], tmp_path, clock=clock, sleep=Naps(clock)) as play,
    ):
        with pytest.raises(RoutesBusy):
            await play.call()
        assert play.said == []
        assert play.restarts == [["hello"]] * len(play.tries)


async def test_who_cannot_begin_anew_ends_the_call(tmp_path: Path) -> None:
    """What `on_restart` raises ends the call: no other try is made, and the one that failed is settled in full."""

    class NoNewStart(Exception):
        """Somebody has read the first part already."""

    def refuse() -> None:
        raise NoNewStart

    cut = streams(chat_events(), cut_after=120)
    async with Server(cut) as server, scene([provider("one", server.url)], tmp_path) as play:
        with pytest.raises(NoNewStart):
            await play.caller.call(
                [Route("one", "m")], request(), play.ledger, on_text=play.said.append, on_restart=refuse
            )
        assert len(server.asked) == 1
        assert play.ledger.settled == [(None, True)]


async def test_an_answer_in_one_piece_is_told_too(tmp_path: Path) -> None:
    """A server that does not stream has its text told all the same."""
    message = {"role": "assistant", "content": "hi"}
    body = {"id": "c1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    async with Server(says(200, body)) as server, scene([provider("one", server.url)], tmp_path) as play:
        for streamed in (True, False):
            await play.call(request=request(stream=streamed))
            assert play.said == ["hi"]
            play.said.clear()


async def test_a_refused_request_tells_nothing(tmp_path: Path) -> None:
    """An error is no text."""
    refused = says(400, {"error": {"message": "no"}})
    async with Server(refused) as server, scene([provider("one", server.url)], tmp_path) as play:
        with pytest.raises(CallFailed):
            await play.call()
        assert (play.said, play.restarts) == ([], [])
