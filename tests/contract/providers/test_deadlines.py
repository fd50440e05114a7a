"""What a network can do to a call: every deadline, every bound, every way to break off."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from tests.contract.providers.calling import PATIENT, Naps, provider, scene
from tests.contract.providers.scripted import Play, Server, chat_events, drips, head, raw, says, silence, streams

from ezaigents.clock import ManualClock
from ezaigents.providers import CallFailed, Client, Deadlines, FailureKind, Provider, RoutesBusy, Text
from ezaigents.providers.client import Post, Sending

_EVENTS = {"content-type": "text/event-stream"}
_BEGUN = head(200, _EVENTS, None) + chat_events().partition(b"\n\n")[0] + b"\n\n"
_SHORT = 0.15
_SHORT_CALL = 1.0  # connecting counts, and a machine may be busy


def _limits(**short: float) -> Deadlines:
    values = {name: getattr(PATIENT, name) for name in PATIENT.__struct_fields__}
    return Deadlines(**(values | short))


async def _failure(deadlines: Deadlines, url: str) -> tuple[CallFailed, Sending]:
    """How one exchange with that address fails."""
    client, sending = Client(deadlines), Sending()
    try:
        with pytest.raises(CallFailed) as caught:
            async with client.send(Post(url=url, headers={}, body=b"{}"), sending) as answer:
                await answer.whole()
    finally:
        await client.close()
    assert caught.value.__cause__ is None
    return caught.value, sending


@pytest.mark.parametrize(
    ("play", "short", "words"),
    [
        (silence(), "first_byte_s", "the first byte of the answer did not come within 0.15 s (model_first_byte_s)"),
        (silence(b"HTTP/1.1 200 OK\r\nx: "), "first_byte_s", "the first byte of the answer did not come"),
        (silence(head(200, _EVENTS, None)), "first_byte_s", "the first byte of the answer did not come"),
        (drips(b"HTTP/1.1 200 OK\r\nx: ", b"y", 0.01), "first_byte_s", "the first byte of the answer did not come"),
        (silence(_BEGUN), "between_bytes_s", "the next byte of the answer did not come within 0.15 s (model_between"),
        (silence(), "call_s", "the call took longer than 1 s in all (model_call_s)"),
        (drips(_BEGUN, b": ping\n\n", 0.01), "call_s", "the call took longer than 1 s in all (model_call_s)"),
    ],
)
async def test_each_deadline_says_which_it_was(play: Play, short: str, words: str) -> None:
    """Silence, a drip of bytes and a stream without an end each end at their limit; the outcome is unknown then."""
    async with Server(play) as server:
        failure, sending = await _failure(_limits(**{short: _SHORT_CALL if short == "call_s" else _SHORT}), server.url)
        assert words in str(failure)
        assert (failure.kind, failure.may_be_billed, sending.begun) == (FailureKind.TIMEOUT, True, True)
        async with asyncio.timeout(10):
            await server.gone.wait()


async def test_nobody_there() -> None:
    """A refused connection, one that is never made, a broken handshake: unreachable, and nothing was billed."""
    async with Server(silence()) as server:
        port = server.url.rpartition(":")[2]
    gone, sending = await _failure(PATIENT, f"http://127.0.0.1:{port}/x")
    assert (gone.kind, gone.may_be_billed, sending.begun) == (FailureKind.UNREACHABLE, False, False)
    async with Server(silence()) as quiet:
        late, _ = await _failure(_limits(connect_s=_SHORT), quiet.url.replace("http:", "https:"))
    assert (late.kind, late.may_be_billed) == (FailureKind.UNREACHABLE, False)
    assert "no connection within 0.15 s (model_connect_s)" in str(late)
    plain = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    broken, _ = await _failure(PATIENT, f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}/x")
    plain.close()
    await plain.wait_closed()
    assert (broken.kind, broken.may_be_billed) == (FailureKind.UNREACHABLE, False)


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 ", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf", b"\x00" * 200_000],
)
async def test_what_is_no_http_is_broken(data: bytes) -> None:
    """A server that hangs up or talks rubbish: broken, and it may have worked."""
    async with Server(raw(data)) as server:
        failure, _ = await _failure(PATIENT, server.url)
        assert (failure.kind, failure.may_be_billed) == (FailureKind.BROKEN, True)


async def test_an_answer_has_a_size() -> None:
    """A flood ends at the bound, and so does a small body that unpacks to a flood."""
    flood = drips(head(200, {}, None), b"x" * 100_000, 0.0)
    bomb = says(200, gzip.compress(b"\0" * 20_000_000), {"content-encoding": "gzip"})
    for play in (flood, bomb):
        client, came = Client(PATIENT), 0
        async with Server(play) as server:
            async with client.send(Post(url=server.url, headers={}, body=b"{}"), Sending()) as answer:
                with pytest.raises(CallFailed, match="larger than 3,000,000 bytes") as caught:
                    async for piece in answer.pieces(3_000_000):
                        came += len(piece)
            await client.close()
        assert caught.value.kind is FailureKind.BROKEN
        assert came <= 3_000_000


async def test_a_failure_without_an_end_is_cut(tmp_path: Path) -> None:
    """The body of an error is read to a bound, and what is told of it is short."""
    flood = drips(head(400, {}, None), b"x" * 100_000, 0.0)
    async with Server(flood) as server, scene([provider("one", server.url)], tmp_path) as play:
        with pytest.raises(CallFailed) as caught:
            await play.call()
        assert len(str(caught.value)) < 700


async def test_a_stream_cut_at_any_byte_is_never_an_answer(tmp_path: Path) -> None:
    """Wherever a stream breaks off, the call is made again and the answer is whole; the broken one is paid for."""
    whole = chat_events("hello", usage=None)
    ended = whole.index(b"[DONE]")
    async with Server(streams(whole)) as server, scene([provider("one", server.url)], tmp_path) as play:
        for length in range(len(whole)):
            server.plays = [streams(whole, cut_after=length), streams(whole)]
            del play.tries[:]
            assert (await play.call()).parts == (Text("hello"),)
            outcomes = [one.outcome for one in play.tries]
            assert outcomes in (["broken", "ok"], ["ok"])
            if length < ended - 150:
                assert outcomes == ["broken", "ok"]
            if len(outcomes) == 2:
                assert play.ledger.settled[-2] == (None, True)


async def test_an_error_within_a_stream_is_one(tmp_path: Path) -> None:
    """An error event after status 200 fails the try like any other failure."""
    broken = (
        chat_events()[:120].rpartition(b"data:")[0] + b'data: {"error": {"message": "overloaded", "code": 529}}\n\n'
    )
    async with (
        Server(streams(broken), streams(chat_events())) as server,
        scene([provider("one", server.url)], tmp_path) as play,
    ):
        assert (await play.call()).parts == (Text("hello"),)
        assert play.tries[0].outcome != "ok"


async def test_an_answer_that_is_left_closes_its_connection(tmp_path: Path) -> None:
    """A cancelled call does not leave the provider working for nobody."""
    async with Server(silence(_BEGUN)) as server, scene([provider("one", server.url)], tmp_path) as play:
        call = asyncio.ensure_future(play.call())
        await server.wait_asked()
        while not play.said:
            await asyncio.sleep(0.002)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(10):
            await server.gone.wait()
        assert play.ledger.settled == [(None, True)]


async def test_a_server_that_does_not_hang_up_after_its_last_word(tmp_path: Path) -> None:
    """What is whole counts, though the connection stands still after it."""
    deadlines = _limits(between_bytes_s=_SHORT)
    async with (
        Server(silence(head(200, _EVENTS, None) + chat_events())) as server,
        scene([provider("one", server.url)], tmp_path, deadlines=deadlines) as play,
    ):
        assert (await play.call()).parts == (Text("hello"),)
        assert play.outcomes == [("one", 1, "ok")]


async def test_a_provider_that_is_down_does_not_stop_the_chain(tmp_path: Path) -> None:
    """Connections refused are tried four times, then the next route answers; nothing of it was billed."""
    async with Server(silence()) as gone:
        url = gone.url
    async with Server(streams(chat_events())) as server:
        providers, clock = [provider("one", url), provider("two", server.url)], ManualClock()
        async with scene(providers, tmp_path, clock=clock, sleep=Naps(clock)) as play:
            assert (await play.call("one:m", "two:m")).route == "two:m"
            assert [one.outcome for one in play.tries] == ["unreachable"] * 4 + ["ok"]
            assert play.ledger.settled[:4] == [(None, False)] * 4
            with pytest.raises(RoutesBusy, match="no connection"):
                await play.call("one:m")


async def test_redirects_are_not_followed(tmp_path: Path) -> None:
    """The key goes to the address that was checked, and to none that an answer names."""
    async with Server(streams(chat_events())) as elsewhere:
        away = says(307, b"", {"location": elsewhere.url})
        async with Server(away) as server, scene([provider("one", server.url)], tmp_path) as play:
            with pytest.raises(CallFailed, match="redirect"):
                await play.call()
            assert elsewhere.asked == []


async def test_this_machine_is_spoken_to_directly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment gets no calls that are for this machine; others go through it."""
    async with Server(streams(chat_events())) as server, Server(says(400, {})) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        far: Provider = provider("far", "http://models.internal")
        async with scene([provider("one", server.url), far], tmp_path) as play:
            await play.call()
            assert proxy.asked == []
            with pytest.raises(CallFailed):
                await play.call("far:m")
            assert proxy.asked[0].path.startswith("http://models.internal/v1/")
