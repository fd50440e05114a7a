"""What every answer carries, what the log says, and what becomes of requests that mean no good."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.simulate.asking import KEY, PATHS, ask, body_of, dial, head_of, raw, send
from tests.leaks import until

from ezaigents.errors import ConfigError
from ezaigents.simulate import NO_RULE, CallLine, SentLine, SimulatedModels, read_log

_EACH = pytest.mark.parametrize("dialect", PATHS)
_RULES = """
[[rule]]
match = "^go"
steps = [
  { calls = [{ name = "read", arguments = { path = "a" } }] },
  { text = "second" },
]
"""


def _words(dialect: str, answer: Any) -> str:
    """The words of a whole answer."""
    if dialect == "messages":
        return str(answer["content"][0]["text"])
    if dialect == "responses":
        return str(answer["output"][0]["content"][0]["text"])
    return str(answer["choices"][0]["message"]["content"])


@_EACH
async def test_an_answer_says_that_it_is_simulated(dialect: str) -> None:
    """Every answer carries the mark, whatever it is: words, a stream, an error, a list."""
    async with SimulatedModels() as models:
        heard = [
            await ask(models.url, dialect),
            await ask(models.url, dialect, stream=True),
            await ask(models.url, dialect, model=7),
            await ask(models.url, dialect, headers={"x-ez-fault": "529"}),
            await send(models.url, "GET", PATHS[dialect], KEY),
            await send(models.url, "GET", "/v1/models", KEY),
            await send(models.url, "GET", "/nowhere", KEY),
        ]
        assert [one.status for one in heard] == [200, 200, 400, 529, 405, 200, 404]
        assert [one.headers.get("x-ez-simulated") for one in heard] == ["1"] * 7
        assert _words(dialect, heard[0].json()) == NO_RULE


@_EACH
async def test_limits_and_ids_are_told_as_the_provider_does(dialect: str) -> None:
    """The rate-limit headers count down, and each answer has an id of its own."""
    async with SimulatedModels() as models:
        heard = [await ask(models.url, dialect) for _ in range(2)]
        claude = dialect == "messages"
        left = "anthropic-ratelimit-requests-remaining" if claude else "x-ratelimit-remaining-requests"
        first, second = (int(one.headers[left]) for one in heard)
        assert second in (first - 1, 3999)
        name = "request-id" if claude else "x-request-id"
        assert len({one.headers[name] for one in heard}) == 2


@_EACH
async def test_a_key_is_needed(dialect: str) -> None:
    """No key, and the key `bad`, are refused before anything is looked at."""
    async with SimulatedModels() as models:
        body = msgspec.json.encode(body_of(dialect))
        for headers in ({}, {"authorization": "Bearer bad"}, {"authorization": "Basic x"}):
            heard = await send(models.url, "POST", PATHS[dialect], {"anthropic-version": "1", **headers}, body)
            assert heard.status == 401


async def test_what_comes_before_the_path_does_not_matter() -> None:
    """Base URLs differ: each provider's own works."""
    async with SimulatedModels() as models:
        for path in ("/chat/completions", "/v1beta/openai/chat/completions", "/v1/chat/completions?x=1"):
            heard = await send(models.url, "POST", path, KEY, msgspec.json.encode(body_of("chat")))
            assert heard.status == 200


@_EACH
async def test_each_call_is_logged_before_it_is_answered_and_after(dialect: str, tmp_path: Path) -> None:
    """A line at arrival with dialect, model, tag and step, one with the same id when all was sent; no key, no words."""
    log = tmp_path / "log"
    async with SimulatedModels([_RULES], log=log) as models:
        await ask(models.url, dialect, "go secretly", headers={"x-ez-call": "task-1/3"})
        await ask(models.url, dialect, "go secretly", stream=True)
        await ask(models.url, dialect, model=7)
    lines = read_log(log)
    calls = [line for line in lines if isinstance(line, CallLine)]
    sent = [line for line in lines if isinstance(line, SentLine)]
    assert [line.id for line in lines] == [line.id for call in zip(calls, sent, strict=True) for line in call]
    assert [(call.dialect, call.tag, call.step, call.stream) for call in calls] == [
        (dialect, "task-1/3", 0, False),
        (dialect, "", 0, True),
        (dialect, "", -1, False),
    ]
    assert [line.status for line in sent] == [200, 200, 400]
    assert calls[0].model == body_of(dialect)["model"]
    assert calls[0].bytes == len(msgspec.json.encode(body_of(dialect, "go secretly")))
    assert not any(word in log.read_text() for word in ("secretly", "sk-test"))


async def test_an_answer_that_broke_off_was_not_sent(tmp_path: Path) -> None:
    """A cut answer, and one whose reader left, have a line at arrival and none after."""
    log = tmp_path / "log"
    async with SimulatedModels([_RULES], log=log) as models:
        await ask(models.url, "chat", headers={"x-ez-fault": "cut_after_bytes=10"})
        reader, writer = await dial(models.url)
        body = msgspec.json.encode(body_of("chat", stream=True))
        writer.write(head_of("chat", body, "x-ez-fault: endless") + body)
        await reader.readuntil(b"data: ")
        writer.close()
        await writer.wait_closed()
    assert [type(line) for line in read_log(log)] == [CallLine, CallLine]


async def test_a_conversation_survives_a_restart() -> None:
    """The step is in the request, so another server goes on where the first was killed."""
    first = body_of("chat", "go")
    for step in range(2):
        async with SimulatedModels([_RULES]) as models:
            said = (await ask(models.url, "chat", messages=first["messages"])).json()["choices"][0]["message"]
            if step == 0:
                assert said["tool_calls"][0]["function"]["name"] == "read"
                first["messages"] += [
                    said,
                    {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "x"},
                ]
            else:
                assert said["content"] == "second"


async def test_a_connection_is_used_again() -> None:
    """Keep-alive: one connection, several answers, streams among them."""
    async with SimulatedModels() as models:
        reader, writer = await dial(models.url)
        for stream in (False, True, False):
            body = msgspec.json.encode(body_of("chat", stream=stream))
            writer.write(head_of("chat", body, "expect: 100-continue") + body)
            said = await reader.readuntil(b"0\r\n\r\n" if stream else b"}}")
            assert b"HTTP/1.1 200" in said
            assert NO_RULE.encode()[:10] in said
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\x16\x03\x01 garbage\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: " + b"b" * 100_000,
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ],
)
async def test_garbage_is_a_bad_request(data: bytes) -> None:
    """What is not HTTP gets 400, and the server goes on."""
    async with SimulatedModels() as models:
        said = await raw(models.url, data)
        assert said.startswith(b"HTTP/1.1 4"), said[:100]
        assert (await ask(models.url, "chat")).status == 200


async def test_a_body_too_large_is_refused_unread() -> None:
    """413 for one that says so, and for one that turns out so; the rest of it is not kept."""
    async with SimulatedModels(body_most_bytes=10_000) as models:
        assert (await ask(models.url, "chat", "x" * 20_000)).status == 413
        reader, writer = await dial(models.url)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n")
        assert b"HTTP/1.1 413" in await reader.readline()  # and none of the body was sent
        writer.close()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        assert b"HTTP/1.1 413" in await raw(models.url, head + chunk * 5)
        assert (await ask(models.url, "chat", "x" * 5_000)).status == 200


@_EACH
async def test_more_than_the_window_holds_is_too_long(dialect: str) -> None:
    """The provider's own words for a context that is too long."""
    async with SimulatedModels(context_tokens=100) as models:
        heard = await ask(models.url, dialect, "x" * 1000)
        assert heard.status == 400
        assert "too long" in heard.body.decode() or heard.json()["error"]["code"] == "context_length_exceeded"


@_EACH
async def test_no_body_brings_the_server_down(dialect: str) -> None:
    """Whatever is in the body, the answer is a 400 of the provider's shape."""
    bodies = [b"", b"[]", b"nul", b"{}", b'{"model": {}}', b'{"model": "' + b"a" * 100_000 + b'"}', b"[" * 100_000]
    bodies += [
        b'{"model": "x", "messages": [[]], "input": [[]]}',
        b'{"messages": null, "input": {"a": 1}}',
        b"\xff\xfe",
    ]
    bodies += [b'{"model": "claude-x", "max_tokens": 1e400}', b'{"tools": [null], "system": [1], "messages": 5}']
    async with SimulatedModels() as models:
        for body in bodies:
            heard = await send(models.url, "POST", PATHS[dialect], KEY, body)
            assert heard.status == 400, body[:60]
            assert "message" in heard.json()["error"]
        assert (await ask(models.url, dialect)).status == 200


async def test_it_ends_while_clients_wait(tmp_path: Path) -> None:
    """Leaving the block lets every client go, whatever it waits for."""
    log = tmp_path / "log"
    async with SimulatedModels(log=log) as models:
        silent, other = await dial(models.url)
        waiting = asyncio.create_task(ask(models.url, "chat", headers={"x-ez-fault": "first_byte_s=600"}))
        hanging = asyncio.create_task(ask(models.url, "chat", stream=True, headers={"x-ez-fault": "hang"}))
        await until(lambda: len(read_log(log)) == 2)
    assert await silent.read() == b""
    other.close()
    assert not (await waiting).whole
    assert not (await hanging).whole


async def test_a_port_that_is_taken_is_said() -> None:
    """The message names it and the way out."""
    async with SimulatedModels() as models:
        port = int(models.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=f"port {port}"):
            async with SimulatedModels(port=port):
                pass


async def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(ConfigError, match="cannot be written"):
        async with SimulatedModels(log=tmp_path / "nowhere" / "log"):
            pass


async def test_whoever_comes_while_it_stops_is_let_go() -> None:
    """A connection that is being accepted at that moment ends as well, instead of hanging for ever."""
    for turns in range(30):
        async with SimulatedModels() as models:
            callers = [asyncio.ensure_future(dial(models.url)) for _ in range(20)]
            for _ in range(turns % 6):
                await asyncio.sleep(0)
        await asyncio.gather(*map(_hears_the_end, callers))


async def _hears_the_end(caller: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    with contextlib.suppress(ConnectionError):
        reader, writer = await caller
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
