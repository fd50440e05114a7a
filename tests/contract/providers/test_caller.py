"""Calls along a chain of routes, against a server that plays every part."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.contract.providers.calling import Ledger, Naps, provider, request, scene
from tests.contract.providers.scripted import Server, after, chat_events, says, silence, streams

from ezaigents.clock import ManualClock
from ezaigents.errors import LimitReached
from ezaigents.providers import CallFailed, FailureKind, NoRoute, Route, RoutesBusy, Text, write_keys
from ezaigents.records import Usage

_HELLO = streams(chat_events())
_DOWN = says(500, {"error": {"message": "down"}})


async def test_a_call(tmp_path: Path) -> None:
    """A whole answer comes back with its usage, its text as it came, one try, one hold settled by that usage."""
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path) as play:
        reply = await play.call()
        assert reply.parts == (Text("hello"),)
        assert (reply.route, reply.usage, reply.simulated) == ("one:m", Usage(input=20, output=5), False)
        assert play.said == ["hello"]
        assert play.outcomes == [("one", 1, "ok")]
        assert play.ledger.settled == [(Usage(input=20, output=5), True)]
        [asked] = server.asked
        assert (asked.path, asked.key) == ("/v1/chat/completions", "key-of-one")
        assert asked.json["model"] == "m"
        assert asked.headers["accept-encoding"] == "identity"


async def test_an_answer_that_is_not_streamed(tmp_path: Path) -> None:
    """Without streaming, and where a server does not know streaming, one body is the answer."""
    body = {
        "id": "c1", "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5},
    }  # fmt: skip
    async with Server(says(200, body)) as server, scene([provider("one", server.url)], tmp_path) as play:
        for streamed in (False, True):
            assert (await play.call(request=request(stream=streamed))).parts == (Text("hi"),)


async def test_no_more_is_asked_than_fits(tmp_path: Path) -> None:
    """The output limit is the least of what was asked, what the model gives, and what the meter lets through."""
    async with Server(_HELLO) as server:
        for asked, fits, limit in ((9000, 10**9, 5000), (9000, 700, 700), (300, 700, 300)):
            ledger = Ledger(fits=fits)
            async with scene([provider("one", server.url)], tmp_path, ledger=ledger) as play:
                await play.call(request=request(max_output_tokens=asked))
                assert server.asked[-1].json["max_tokens"] == limit
                [(_, reserved, body_bytes, attempt)] = ledger.asked
                assert (reserved, attempt) == (min(asked, 5000), 1)
                assert abs(body_bytes - len(server.asked[-1].body)) <= 4


async def test_what_the_meter_refuses_is_never_sent(tmp_path: Path) -> None:
    """A limit that is reached passes through as it is, before anything goes out."""
    ledger = Ledger(error=LimitReached("no money"))
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path, ledger=ledger) as play:
        with pytest.raises(LimitReached, match="no money"):
            await play.call()
        assert server.asked == []
        assert play.tries == []


async def test_the_first_call_makes_the_client_and_all_share_it(tmp_path: Path) -> None:
    """Fifty calls at once are fifty connections of one client; it is made by the first of them, not before."""
    gate = asyncio.Event()
    async with Server(after(gate, _HELLO)) as server, scene([provider("one", server.url)], tmp_path) as play:
        client = play.caller._client
        assert not client.is_open
        calls = [asyncio.ensure_future(play.call()) for _ in range(50)]
        await server.wait_asked(50)
        http = client._http
        gate.set()
        replies = await asyncio.gather(*calls)
        assert [reply.parts for reply in replies] == [(Text("hello"),)] * 50
        assert server.most_at_work == 50
        assert client._http is http
        assert len(play.ledger.settled) == 50
        before = server.connections
        await play.call()
        assert server.connections == before  # an idle connection was used again


async def test_keys_take_turns(tmp_path: Path) -> None:
    """Each key is used in its turn."""
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path, ONE_KEY="a,b,c") as play:
        for _ in range(4):
            await play.call()
        assert [asked.key for asked in server.asked] == ["a", "b", "c", "a"]


async def test_a_limited_key_rests_and_the_next_is_used(tmp_path: Path) -> None:
    """429 cools that key for as long as was asked, five minutes at most, and no other key."""
    clock = ManualClock()
    limited = says(429, {"error": {"message": "slow down", "type": "rate_limit_error"}}, {"retry-after": "4000"})
    async with (
        Server(limited, _HELLO) as server,
        scene([provider("one", server.url)], tmp_path, clock=clock, ONE_KEY="a,b") as play,
    ):
        await play.call()
        assert play.outcomes == [("one", 1, "rate_limited"), ("one", 2, "ok")]
        assert play.ledger.settled[0] == (None, False)
        await play.call()
        assert server.asked[-1].key == "b"
        clock.advance(299)
        await play.call()
        assert server.asked[-1].key == "b"
        clock.advance(2)
        await play.call()
        assert server.asked[-1].key == "a"


async def test_a_short_rest_is_waited_for_in_the_slot(tmp_path: Path) -> None:
    """With one key a short Retry-After is slept through, once, and shows in the next try."""
    clock = ManualClock()
    naps = Naps(clock)
    limited = says(429, {"error": {"message": "slow down"}}, {"retry-after": "3"})
    async with (
        Server(limited, _HELLO) as server,
        scene([provider("one", server.url)], tmp_path, clock=clock, sleep=naps) as play,
    ):
        await play.call()
    assert naps.slept == [3.0]
    assert [one.waited_s for one in play.tries] == [0.0, 3.0]


async def test_a_long_rest_goes_to_the_next_route_or_hands_back(tmp_path: Path) -> None:
    """Longer than patience: the next route; without one, longer than 20 s: back to the queue, with the delay."""
    limited = says(429, {"error": {"message": "slow down"}}, {"retry-after": "90"})
    async with (
        Server(limited) as one,
        Server(_HELLO) as two,
        scene([provider("one", one.url), provider("two", two.url)], tmp_path) as play,
    ):
        assert (await play.call("one:m", "two:m2")).route == "two:m2"
        with pytest.raises(RoutesBusy, match="limits its keys") as caught:
            await play.call("one:m")
        assert 85 <= caught.value.delay_s <= 100
        assert len(one.asked) == 1


async def test_a_bad_key_is_not_used_again(tmp_path: Path) -> None:
    """401 drops the key; the next one answers; with the last one gone there is no route, and what to type is said."""
    async with Server(says(401, {"error": {"message": "wrong key"}})) as server:
        server.plays = [says(401, {"error": {"message": "wrong key"}}), _HELLO]
        async with scene([provider("one", server.url)], tmp_path, ONE_KEY="a,b") as play:
            await play.call()
            assert play.outcomes == [("one", 1, "bad_key"), ("one", 2, "ok")]
            server.plays = [says(403, {"error": {"message": "forbidden"}})]
            with pytest.raises(NoRoute, match=r"refused all its keys.*ez keys set one"):
                await play.call()
            asked = len(server.asked)
            assert play.caller.why_not(Route("one", "m")).startswith("one refused all its keys")
            with pytest.raises(NoRoute):
                await play.call()
            assert len(server.asked) == asked
            server.plays = [_HELLO]
            write_keys(tmp_path / "keys" / "one", ["c"])
            assert play.caller.why_not(Route("one", "m")) == ""
            await play.call()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, {"error": {"message": "pay first"}}),
        (429, {"error": {"message": "spent", "type": "insufficient_quota", "code": "insufficient_quota"}}),
        (429, {"error": {"message": "spent", "details": {"error_code": "enforced_spend_limit_reached"}}}),
    ],
)
async def test_a_spending_limit_stops_the_provider(tmp_path: Path, status: int, body: object) -> None:
    """It is asked once and not again, by no key, until its time; others answer meanwhile; a new key begins anew."""
    clock = ManualClock()
    async with Server(says(status, body)) as one, Server(_HELLO) as two:
        providers = [provider("one", one.url), provider("two", two.url)]
        async with scene(providers, tmp_path, clock=clock, ONE_KEY="a,b") as play:
            for _ in range(3):
                assert (await play.call("one:m", "two:m")).route == "two:m"
            assert len(one.asked) == 1
            assert "stopped until" in play.health()
            assert play.caller.why_not(Route("one", "m")) == ""  # it passes by itself
            with pytest.raises(RoutesBusy) as caught:
                await play.call("one:m")
            assert caught.value.delay_s > 1000
            write_keys(tmp_path / "keys" / "one", ["c"])
            assert play.health() == "ready"


async def test_a_paused_provider_is_an_obstacle_until_it_is_resumed(tmp_path: Path) -> None:
    """What a person has stopped does not pass by itself."""
    async with scene([provider("one", "http://127.0.0.1:9")], tmp_path) as play:
        play.caller.pause("one")
        assert "one is paused" in play.caller.why_not(Route("one", "m"))
        play.caller.resume("one")
        assert play.caller.why_not(Route("one", "m")) == ""


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
async def test_faults_are_tried_again_then_elsewhere(tmp_path: Path, status: int) -> None:
    """Four tries, back-offs between them, then the next route; every one is told."""
    clock = ManualClock()
    naps = Naps(clock)
    fault = says(status, {"error": {"message": "busy"}})
    async with Server(fault) as one, Server(_HELLO) as two:
        providers = [provider("one", one.url), provider("two", two.url)]
        async with scene(providers, tmp_path, clock=clock, sleep=naps, luck=0.5) as play:
            assert (await play.call("one:m", "two:m")).route == "two:m"
            assert len(one.asked) == 4
            assert naps.slept == [0.5, 1.0, 2.0]
            assert [outcome for _, _, outcome in play.outcomes[:4]] == [play.tries[0].outcome] * 4
            assert play.tries[0].status == status
            assert len(play.ledger.settled) == 5


async def test_a_provider_that_fails_is_left_alone(tmp_path: Path) -> None:
    """After five faults in a row it is asked once after each pause, and the pauses grow; nobody asks in between."""
    clock = ManualClock()
    naps = Naps(clock)
    async with (
        Server(_DOWN) as server,
        scene([provider("one", server.url)], tmp_path, clock=clock, sleep=naps, luck=0.9) as play,
    ):
        for _ in range(2):
            with pytest.raises(RoutesBusy):
                await play.call()
        back_offs, pauses = naps.slept[:3], naps.slept[3:]
        assert back_offs == pytest.approx([0.9, 1.8, 3.6])
        assert pauses == pytest.approx([4.5, 9.0, 18.0])
        assert len(server.asked) == 8
        assert "failed 8 calls in a row; next try in" in play.health()
        assert play.caller.why_not(Route("one", "m")) == ""  # it passes by itself
        with pytest.raises(RoutesBusy):
            await play.call()
        assert len(server.asked) == 8


async def test_one_call_finds_out_while_the_others_wait(tmp_path: Path) -> None:
    """After the pause one call goes; its answer lets the others go at once, without a timer of theirs."""
    clock, gate = ManualClock(), asyncio.Event()
    naps = Naps(clock)
    async with (
        Server(_DOWN) as server,
        scene([provider("one", server.url)], tmp_path, clock=clock, sleep=naps, luck=0.9) as play,
    ):
        for _ in range(2):
            with pytest.raises(RoutesBusy):
                await play.call()
        clock.advance(40)
        naps.still = True
        server.plays = [after(gate, _HELLO)]
        calls = [asyncio.ensure_future(play.call()) for _ in range(5)]
        await server.wait_asked(9)
        assert "one is finding out" in play.health()
        assert play.caller.why_not(Route("one", "m")) == ""  # it passes by itself
        assert len(server.asked) == 9
        gate.set()
        await asyncio.gather(*calls)
        assert len(server.asked) == 13


async def test_a_cancelled_probe_lets_the_next_find_out(tmp_path: Path) -> None:
    """A probe that is cancelled does not leave its provider closed for ever."""
    clock = ManualClock()
    async with (
        Server(*[_DOWN] * 5, silence(), _HELLO) as server,
        scene([provider("one", server.url)], tmp_path, clock=clock, sleep=Naps(clock)) as play,
    ):
        with pytest.raises(RoutesBusy):
            await play.call()
        probe = asyncio.ensure_future(play.call())
        await server.wait_asked(6)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        assert play.outcomes[-1] == ("one", 1, "cancelled")
        assert play.ledger.settled[-1] == (None, True)
        await play.call()
        assert play.caller.why_not(Route("one", "m")) == ""


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "temperature is not supported", FailureKind.REJECTED),
        (422, "no such field", FailureKind.REJECTED),
        (302, "", FailureKind.REJECTED),
        (400, "prompt is too long: 300000 tokens", FailureKind.TOO_LONG),
        (413, "request too large", FailureKind.TOO_LONG),
    ],
)
async def test_what_will_never_do_is_asked_once(tmp_path: Path, status: int, message: str, kind: FailureKind) -> None:
    """A request that is refused is told as it was refused, after one try; nothing was spent."""
    refusal = says(status, {"error": {"message": message}}, {"location": "http://127.0.0.1:1/elsewhere"})
    async with Server(refusal) as server, scene([provider("one", server.url)], tmp_path) as play:
        with pytest.raises(CallFailed) as caught:
            await play.call()
        assert (caught.value.kind, caught.value.status) == (kind, status)
        assert len(server.asked) == 1
        assert play.ledger.settled == [(None, False)]


async def test_too_long_is_too_long_everywhere(tmp_path: Path) -> None:
    """The next route is not asked: whoever called makes the request shorter first."""
    async with (
        Server(says(413, {})) as one,
        Server(_HELLO) as two,
        scene([provider("one", one.url), provider("two", two.url)], tmp_path) as play,
    ):
        with pytest.raises(CallFailed):
            await play.call("one:m", "two:m")
        assert two.asked == []


async def test_an_unknown_model_goes_to_the_next_route(tmp_path: Path) -> None:
    """A model that was withdrawn is no reason to stop; when it is the only one the provider's words are told."""
    unknown = says(404, {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}})
    async with (
        Server(unknown) as one,
        Server(_HELLO) as two,
        scene([provider("one", one.url), provider("two", two.url)], tmp_path) as play,
    ):
        assert (await play.call("one:m", "two:m")).route == "two:m"
        with pytest.raises(NoRoute, match="does not exist"):
            await play.call("one:m")
        assert len(one.asked) == 2


async def test_without_a_key_nothing_is_sent(tmp_path: Path) -> None:
    """No key is told before anything goes out, with what to set and type; a local provider needs none."""
    async with Server(_HELLO) as server:
        local = provider("home", server.url, local=True)
        async with scene([provider("one", server.url), local], tmp_path, ONE_KEY="", HOME_KEY="") as play:
            with pytest.raises(NoRoute, match="set ONE_KEY or type `ez keys set one`"):
                await play.call()
            assert server.asked == []
            await play.call("home:m")
            assert "authorization" not in server.asked[-1].headers
            assert play.outcomes == [("home", 0, "ok")]


async def test_an_unknown_provider_is_no_route(tmp_path: Path) -> None:
    """A chain may name what this catalogue does not have: it is passed over, or told."""
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path) as play:
        assert (await play.call("nobody:m", "one:m")).route == "one:m"
        with pytest.raises(NoRoute, match="no provider is called 'nobody'"):
            await play.call("nobody:m")


async def test_a_paused_provider_is_not_asked(tmp_path: Path) -> None:
    """An operator's pause goes to the next route, or hands the task back; resuming lets it be asked at once."""
    async with (
        Server(_HELLO) as one,
        Server(_HELLO) as two,
        scene([provider("one", one.url), provider("two", two.url)], tmp_path) as play,
    ):
        play.caller.pause("one")
        assert (await play.call("one:m", "two:m")).route == "two:m"
        with pytest.raises(RoutesBusy, match="one is paused"):
            await play.call("one:m")
        assert [state.paused for state in play.caller.describe()] == [True, False]
        play.caller.resume("one")
        assert (await play.call("one:m")).route == "one:m"


@pytest.mark.parametrize("dialect", ["anthropic", "responses", "chat"])
async def test_each_dialect_is_asked_where_its_own_library_asks(tmp_path: Path, dialect: str) -> None:
    """Path and key header are those of the dialect."""
    async with (
        Server(says(400, {"error": {"message": "no"}})) as server,
        scene([provider("one", server.url, dialect)], tmp_path) as play,
    ):
        with pytest.raises(CallFailed):
            await play.call()
        paths = {"anthropic": "/v1/messages", "responses": "/v1/responses", "chat": "/v1/chat/completions"}
        assert (server.asked[0].path, server.asked[0].key) == (paths[dialect], "key-of-one")


async def test_a_simulated_answer_says_so(tmp_path: Path) -> None:
    """The simulator's header marks a reply, and so does the catalogue; the real keys stay at home."""
    marked = streams(chat_events(), headers={"x-ez-simulated": "1"})
    async with Server(marked, _HELLO) as server, scene([provider("one", server.url)], tmp_path) as play:
        assert (await play.call()).simulated
        async with scene([provider("one", server.url)], tmp_path, simulated=True) as simulation:
            assert (await simulation.call()).simulated
        assert [asked.key for asked in server.asked] == ["key-of-one", "simulated"]


async def test_whose_call_it_is_is_told_to_the_simulator_only(tmp_path: Path) -> None:
    """A request's tag goes to the simulator, which counts calls by it, and to no real provider."""
    async with Server(_HELLO) as server:
        for simulated in (False, True):
            async with scene([provider("one", server.url)], tmp_path, simulated=simulated) as play:
                await play.call(request=request(tag="t1.7"))
        assert [asked.headers.get("x-ez-call") for asked in server.asked] == [None, "t1.7"]
        assert b"t1.7" not in server.asked[0].body


@pytest.mark.parametrize("usage", [None, (0, 0)])
async def test_a_provider_that_lies_about_usage_is_not_free(tmp_path: Path, usage: tuple[int, int] | None) -> None:
    """Missing and impossible usage is settled by our own count of the bytes, and the reply carries it."""
    async with (
        Server(streams(chat_events("x" * 3000, usage=usage))) as server,
        scene([provider("one", server.url)], tmp_path) as play,
    ):
        reply = await play.call(request=request("y" * 9000))
        [(settled, sent)] = play.ledger.settled
        assert sent
        assert settled == reply.usage
        assert settled
        assert settled.output == 1000
        assert settled.input == len(server.asked[0].body) // 3


async def test_a_text_that_is_told_does_not_stop_the_call(tmp_path: Path) -> None:
    """A body is sent as it is built: the same request to the same route has the same bytes."""
    async with Server(_HELLO) as server, scene([provider("one", server.url)], tmp_path) as play:
        for _ in range(2):
            await play.call(request=request("ünï\u2028", cache_key="k"))
        assert server.asked[0].body == server.asked[1].body
        assert json.loads(server.asked[0].body)["messages"][-1]["content"] == "ünï\u2028"
