"""Connections that take what is not theirs: their time and their size are bounded. How many: test_crowds.py."""

from __future__ import annotations

import asyncio
import logging
import socket
import time

import pytest
from tests.integration.api.site import are_guarded, open_site, strangers
from tests.leaks import run, until

from ezaigents.api import serving, wire
from ezaigents.api.failing import PROBLEM
from ezaigents.settings import Settings

WITHIN_S = 10.0
"""What takes milliseconds is waited for so long, for machines are busy."""
SHORT_S = 0.3
JSON = "Content-Type: application/json"


# -- time ----------------------------------------------------------------------------------------------------------


def test_a_head_that_does_not_come_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says nothing, or says his head a byte at a time, is cut off; so is one who was answered before."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            monkeypatch.setattr(wire, "HEAD_S", SHORT_S)
            with site.connect() as silent, site.connect() as slow, site.connect() as again:
                await again.send(site.request())
                assert (await again.answer()).status == 200
                began = time.monotonic()
                for byte in site.request():
                    if not await slow.send(bytes([byte])) or not await again.send(bytes([byte])):
                        break
                    await asyncio.sleep(0.02)
                assert time.monotonic() - began < WITHIN_S
                for line in (silent, slow, again):
                    assert await line.is_over(WITHIN_S)
                assert strangers() == 0

    run(story())


def test_a_body_that_does_not_come_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that comes a byte at a time, or never, ends its connection, whether it has a token or not."""
    monkeypatch.setattr(wire, "BODY_S", SHORT_S)

    async def story() -> None:
        async with open_site(settings) as site:
            known = site.request("POST", "/api/tasks", "Content-Length: 1000", JSON)
            stranger = known.replace(site.token.encode(), b"wrong")
            for head in (known, stranger, known.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked")):
                with site.connect() as line:
                    await line.send(head)
                    began = time.monotonic()
                    while await line.send(b"1") and time.monotonic() - began < WITHIN_S:
                        await asyncio.sleep(0.02)
                    assert time.monotonic() - began < WITHIN_S
                    assert await line.is_over(WITHIN_S)
            assert await site.accepted() == 0

    run(story())


def test_the_time_for_a_head_is_not_that_of_an_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between requests a connection may rest longer than a head may take."""
    monkeypatch.setattr(wire, "HEAD_S", 0.1)
    monkeypatch.setattr(wire, "BODY_S", 0.1)

    async def story() -> None:
        async with open_site(settings) as site:
            with site.connect() as line:
                for _ in range(3):
                    await line.send(site.request())
                    assert (await line.answer()).status == 200
                    await asyncio.sleep(0.2)

    run(story())


def test_a_connection_that_rests_is_closed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked once and then says nothing is let go after a while."""
    monkeypatch.setattr(serving, "_KEEP_ALIVE_S", SHORT_S)

    async def story() -> None:
        async with open_site(settings) as site:
            with site.connect() as line:
                await line.send(site.request())
                assert (await line.answer()).status == 200
                assert await line.is_over(WITHIN_S)

    run(story())


def test_a_connection_whose_body_came_late_is_closed_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was answered before its body had come rests like any other, and is let go like any other."""
    monkeypatch.setattr(serving, "_KEEP_ALIVE_S", SHORT_S)

    async def story() -> None:
        async with open_site(settings) as site:
            with site.connect() as line:
                await line.send(site.request("POST", "/api/nowhere", "Content-Length: 5"))
                assert (await line.answer()).status == 404
                await line.send(b"12345")
                assert await line.is_over(3)

    run(story())


def test_strangers_rest_for_a_shorter_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has shown no token is let go long before one who has, though both asked and were answered."""
    monkeypatch.setattr(wire, "STRANGER_RESTS_S", SHORT_S)

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            with site.connect() as known, site.connect() as stranger:
                await known.send(site.request())
                assert (await known.answer()).status == 200
                await stranger.send(f"GET /api/health HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
                assert (await stranger.answer()).status == 200
                assert await stranger.is_over(WITHIN_S)
                assert known.is_open()

    run(story())


def test_a_head_behind_a_late_body_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was answered before its body had come may rest; once the next head begins, that must come in time."""
    monkeypatch.setattr(wire, "HEAD_S", SHORT_S)

    async def story() -> None:
        async with open_site(settings) as site:
            with site.connect() as line:
                await line.send(site.request("POST", "/api/nowhere", "Content-Length: 5"))
                assert (await line.answer()).status == 404
                await line.send(b"12345")
                await line.send(b"G")
                assert await line.is_over(WITHIN_S)

    run(story())


def test_answers_are_not_held_back(settings: Settings) -> None:
    """What is written goes out at once (TCP_NODELAY): else each answer on a connection in use waits for 40 ms."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            with site.connect() as line:
                await line.send(f"GET /api/health HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
                assert (await line.answer()).status == 200
                accepted = next(iter(wire.BoundedProtocol._strangers)).transport.get_extra_info("socket")
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(story())


# -- size ----------------------------------------------------------------------------------------------------------


def test_a_head_without_an_end_is_cut(settings: Settings) -> None:
    """Beyond 32 KiB of head the connection ends, be it one long line, many lines, or nothing but line ends."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            start = f"GET /api/me HTTP/1.1\r\nHost: {site.host}\r\n".encode()
            for first, more in (
                (b"GET /", b"x" * 1024),
                (start + b"X: ", b"x" * 1024),
                (start, b"X: y\r\n" * 200),
                (b"", b"\r\n" * 512),
                (site.request() + start, b"X: y\r\n" * 200),
                (site.request(), b"\r\n" * 512),
            ):
                with site.connect() as line:
                    sent = len(first)
                    await line.send(first)
                    while sent < 1024 * 1024 and await line.send(more):
                        sent += len(more)
                        await asyncio.sleep(0)
                    assert sent < 1024 * 1024, first
                    assert await line.is_over(WITHIN_S)
            assert strangers() == 0

    run(story())


def test_a_long_head_within_the_limit_is_answered(settings: Settings) -> None:
    """30 KiB of head are fine, each time anew on one connection."""

    async def story() -> None:
        async with open_site(settings) as site:
            with site.connect() as line:
                for _ in range(3):
                    await line.send(site.request("GET", "/api/me?" + "x" * 15_000, "X: " + "y" * 15_000))
                    assert (await line.answer()).status == 200

    run(story())


def test_what_follows_a_body_is_not_kept(settings: Settings) -> None:
    """Trailers, the sizes of pieces and bodies that nobody reads are bounded: nobody can fill the memory with them."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            head = f"POST /api/tasks HTTP/1.1\r\nHost: {site.host}\r\n{JSON}\r\n"
            chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n"
            for start, more in (
                (f"{chunked}0\r\n", b"a: b\r\n" * 2000),
                (f"{chunked}0\r\na: ", b"b" * 16_000),
                (f"{chunked}1;", b"x" * 16_000),
                (chunked, b"1\r\nx\r\n" * 2000),
                (chunked, b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
            ):
                with site.connect() as line:
                    await line.send(start.encode())
                    assert (await line.answer()).status == 401
                    sent = 0
                    while sent < 32 * 1024 * 1024 and await line.send(more):
                        sent += len(more)
                    assert sent < 32 * 1024 * 1024, (start, more[:6])
            assert await site.is_answered(WITHIN_S)

    run(story())


def test_trailers_are_passed_over(settings: Settings) -> None:
    """Lines behind a body are not kept one by one, which takes many times their bytes."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            with site.connect() as line:
                head = f"POST /api/tasks HTTP/1.1\r\nHost: {site.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
                await line.send(head.encode() + b"0\r\n")
                assert (await line.answer()).status == 401
                for _ in range(50):
                    await line.send(b"a: b\r\n" * 2000)
                assert all(len(one.headers) < 100 for one in wire.BoundedProtocol._strangers)

    run(story())


def test_strange_cookies_take_no_time(settings: Settings) -> None:
    """However a cookie is quoted, looking through it takes no longer than its bytes: nobody can hold up the host."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            began = time.monotonic()
            for cookie in ('a="' + '\\"' * 15_000 + '"', 'a="' + "\\\\" * 15_000 + '"', "a=" * 15_000, ";" * 30_000):
                head = f"GET /api/me HTTP/1.1\r\nHost: {site.host}\r\nCookie: {cookie}\r\n\r\n"
                assert (await site.say(head.encode())).status == 401
            assert time.monotonic() - began < 1

    run(story())


# -- leaving, and coming otherwise ---------------------------------------------------------------------------------


def test_who_leaves_in_the_middle_of_his_body_is_no_fault_of_ours(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that hangs up is not written down as something that went wrong here."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            with site.connect() as line:
                await line.send(site.request("POST", "/api/tasks", "Content-Length: 10", JSON, body=b"12"))
                await until(lambda: strangers() == 0)
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.1)
            assert await site.is_answered(WITHIN_S)
        assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    run(story())


def test_requests_one_behind_the_other_are_answered_in_order(settings: Settings) -> None:
    """Requests that are sent without waiting are each looked at by themselves, and answered in their order."""

    async def story() -> None:
        async with open_site(settings) as site:
            good = site.request()
            wrong = good.replace(site.token.encode(), b"wrong")
            evil = good.replace(b"Host: 127.0.0.1", b"Host: evil")
            with site.connect() as line:
                await line.send(good + wrong + good + wrong + evil + good)
                assert [(await line.answer()).status for _ in range(6)] == [200, 401, 200, 401, 421, 0]

    run(story())


def test_a_request_behind_another_may_still_be_on_its_way(settings: Settings) -> None:
    """The answer to a request does not end the connection under the next one, whose body has not come yet."""

    async def story() -> None:
        async with open_site(settings) as site:
            body = b'{"agents":["a"]}'
            head = site.request("POST", "/api/agents/resume", f"Content-Length: {len(body)}", JSON)
            with site.connect() as line:
                await line.send(site.request() + head + body[:5])
                assert (await line.answer()).status == 200
                await line.send(body[5:])
                assert (await line.answer()).status == 200

    run(story())


def test_who_says_all_before_he_listens_is_not_interrupted(settings: Settings) -> None:
    """An answer that is known before the body has come is not lost to a program that sends its whole body first."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            good = site.request("POST", "/api/nowhere", "Content-Length: 900000", JSON)
            for head, status in ((good, 404), (good.replace(site.token.encode(), b"wrong"), 401)):
                with site.connect() as line:
                    await line.send(head)
                    await asyncio.sleep(0.1)
                    for _ in range(9):
                        assert await line.send(b"x" * 100_000)
                        await asyncio.sleep(0.01)
                    assert (await line.answer()).status == status

    run(story())


def test_what_is_no_http_is_refused(settings: Settings) -> None:
    """Whatever arrives, it is answered with 400 like any error, and its connection ends; the host goes on."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            for data in (
                b"\0" * 100,
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"GET /api/me\r\n\r\n",
                b"GET /api/me HTTP/9.9\r\n\r\n",
                b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
                b"get /api/me HTTP/1.1\r\nHost: x\r\n\r\n",
                b"SSH-2.0-OpenSSH\r\n",
                b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
                b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            ):
                with site.connect() as line:
                    await line.send(data)
                    said = await line.answer()
                    assert said.status in (400, 421), data
                    are_guarded(said.headers)
                    assert said.headers["content-type"] == PROBLEM
                    assert said.json["status"] == said.status
                    assert said.headers["connection"] == "close"
                    assert await line.is_over(WITHIN_S)
            assert await site.is_answered(WITHIN_S)

    run(story())
