"""Bodies that are not what they should be: each is an error of whoever sent it, which names what is wrong."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.integration.api.site import RawAnswer, Site, open_site
from tests.leaks import run

from ezaigents.api import gate
from ezaigents.api.failing import PROBLEM
from ezaigents.settings import Settings

MIB = 1024 * 1024


async def _post(site: Site, body: bytes, *lines: str, path: str = "/api/tasks") -> RawAnswer:
    lines = lines or ("Content-Type: application/json",)
    return await site.say(site.request("POST", path, f"Content-Length: {len(body)}", *lines, body=body))


def _is_problem(said: RawAnswer, status: int, field: str = "") -> None:
    assert said.status == status, said
    assert said.headers["content-type"] == PROBLEM
    told = said.json
    assert told["status"] == status
    assert told.get("field", "") == field, told


def _job(**more: Any) -> bytes:
    return json.dumps({"prompt": "x", "agent": "a", **more}).encode()


def test_a_body_that_is_no_json_is_refused(settings: Settings) -> None:
    """Empty, cut off, not UTF-8, twice, or not JSON's idea of a number: 422, field `body`."""

    async def story() -> None:
        async with open_site(settings) as site:
            for body in (
                b"",
                b" ",
                b"{",
                b'{"prompt":"x"',
                b"prompt=x",
                b"\xff\xfe{}",
                b'{"prompt":"\xff"}',
                b'{"prompt":"\\ud800"}',
                b'{"prompt":"x"}{"prompt":"x"}',
                b"\xef\xbb\xbf{}",
                '{"prompt":"x"}'.encode("utf-16"),
                b'{"prompt":"x","agent":"a","delay_s":NaN}',
                b'{"prompt":"x","agent":"a","delay_s":Infinity}',
                b'{"prompt":"x","agent":"a","priority":0x5}',
                b"{'prompt':'x'}",
                b"\0" * 1000,
            ):
                _is_problem(await _post(site, body), 422, "body")
            assert await site.accepted() == 0

    run(story())


def test_a_body_of_the_wrong_shape_is_refused_with_the_place(settings: Settings) -> None:
    """A value of another type, an unknown field or a missing one is 422, and `field` says where."""

    async def story() -> None:
        async with open_site(settings) as site:
            for body, field in (
                (b"null", "body"),
                (b"5", "body"),
                (b'"x"', "body"),
                (b"{}", "body"),
                (_job(unknown=1), "body"),
                (_job(prompt=5), "prompt"),
                (_job(prompt=None), "prompt"),
                (_job(paths="a.py"), "paths"),
                (_job(paths=[1]), "paths[0]"),
                (_job(paths={}), "paths"),
                (_job(priority="5"), "priority"),
                (_job(priority=5.5), "priority"),
                (_job(priority=True), "priority"),
                (_job(kind="sing"), "kind"),
                (_job(apply=1), "apply"),
                (_job(yes="yes"), "yes"),
                (b"[5]", "[0]"),
                (b"[" + _job() + b"," + _job(prompt=5) + b"]", "[1].prompt"),
                (b"[" + _job() + b"," + _job(unknown=5) + b"]", "[1]"),
                (b'{"prompt":"x","agent":"a","delay_s":1e999}', "delay_s"),
            ):
                _is_problem(await _post(site, body), 422, field)
            assert await site.accepted() == 0

    run(story())


def test_a_value_that_cannot_be_is_refused_with_its_field(settings: Settings) -> None:
    """A value of the right type that is out of its bounds, leads elsewhere or is nobody's is 422 with its field's
    name.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            (settings.workspace_path / "a.py").write_text("x")
            (settings.workspace_path / "empty").mkdir()
            for more in (
                {"prompt": ""},
                {"prompt": "a\0b"},
                {"agent": "nobody"},
                {"agent": "\0" * 1000},
                {"priority": 10},
                {"priority": 10**400},
                {"priority": -(10**4000)},
                {"max_attempts": 0},
                {"max_attempts": 10**400},
                {"delay_s": -1},
                {"delay_s": 1e308},
                {"deadline_s": -1},
                {"budget_usd": -1},
                {"paths": ["nix"]},
                {"paths": [".."]},
                {"paths": ["/etc/passwd"]},
                {"paths": ["x" * 5000]},
                {"paths": ["empty"]},
                {"paths": ["a\0b"]},
                {"check": "a 'b"},
                {"check": "a | b"},
                {"key": "x" * 10_000},
            ):
                _is_problem(await _post(site, _job(**more)), 422, next(iter(more)))
            assert await site.accepted() == 0

    run(story())


def test_however_deep_a_body_is_it_is_only_refused(settings: Settings) -> None:
    """A thousand levels, and fifty thousand, are an error of the input wherever they are."""

    async def story() -> None:
        async with open_site(settings) as site:
            for depth in (1000, 50_000):
                for start, end in ((b"[", b"]"), (b'{"prompt":', b"}"), (b'{"prompt":[', b"]}"), (b'{"x":[', b"]}")):
                    said = await _post(site, start * depth + b"1" + end * depth)
                    assert said.status == 422
                    assert said.headers["content-type"] == PROBLEM
            for path in ("/api/agents/pause", "/api/leave"):
                assert (await _post(site, b'{"agents":' + b"[" * 1000 + b"]" * 1000 + b"}", path=path)).status == 422
            assert (await site.say(site.request())).status == 200

    run(story())


def test_a_body_that_is_said_to_be_too_large_is_not_read(settings: Settings) -> None:
    """Beyond 1 MiB the head is enough: 413, on every method and path, and the connection ends."""

    async def story() -> None:
        async with open_site(settings) as site:
            for size in (MIB + 1, 10**9, 10**11, 10**18):
                for method, path in (("POST", "/api/tasks"), ("GET", "/api/me"), ("PUT", "/api/nowhere")):
                    with site.connect() as line:
                        await line.send(site.request(method, path, f"Content-Length: {size}"))
                        said = await line.answer()
                        _is_problem(said, 413)
                        assert said.headers["connection"] == "close"
                        assert await line.is_over()
            assert gate.BODY_MOST_BYTES == MIB

    run(story())


def test_a_body_of_unsaid_length_is_read_up_to_the_limit(settings: Settings) -> None:
    """A body in pieces is cut at 1 MiB: 413, whatever it is; one within the limit is taken."""

    async def story() -> None:
        async with open_site(settings) as site:
            (settings.workspace_path / "a.py").write_text("x")
            head = site.request("POST", "/api/tasks", "Content-Type: application/json", "Transfer-Encoding: chunked")
            piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            with site.connect() as line:
                await line.send(head)
                sent = 0
                while sent < 64 and await line.send(piece):
                    sent += 1
                said = await line.answer()
            if said.status:  # else the end of the connection overtook the answer
                _is_problem(said, 413)
            with site.connect() as line:
                await line.send(head + piece * 17)
                _is_problem(await line.answer(), 413)
                assert await line.is_over()
            assert await site.accepted() == 0
            body = _job()
            pieces = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\n\r\n"
            assert (await site.say(head + pieces)).status == 201

    run(story())


def test_the_largest_body_that_is_allowed_is_taken(settings: Settings) -> None:
    """A body of exactly 1 MiB is read: what is then wrong is its prompt, or nothing."""

    async def story() -> None:
        async with open_site(settings) as site:
            (settings.workspace_path / "a.py").write_text("x")
            body = _job().ljust(MIB)
            assert (await _post(site, body)).status == 201
            assert (await _post(site, body + b" ")).status == 413

    run(story())


def test_a_body_that_is_packed_is_never_unpacked(settings: Settings) -> None:
    """Bytes are taken as they are, whatever Content-Encoding says: a bomb stays as small as it came."""

    async def story() -> None:
        async with open_site(settings) as site:
            bomb = gzip.compress(b"[" + b" " * 64 * MIB + b"]", 9)
            assert len(bomb) < MIB
            for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "identity"):
                lines = ("Content-Type: application/json", f"Content-Encoding: {coding}")
                _is_problem(await _post(site, bomb, *lines), 422, "body")

    run(story())


def test_only_json_is_read(settings: Settings) -> None:
    """Any other media type, or none, is 415 on each route that takes a body; with a charset it is still JSON."""

    async def story() -> None:
        async with open_site(settings) as site:
            (settings.workspace_path / "a.py").write_text("x")
            for path in ("/api/tasks", "/api/agents/pause", "/api/leave", f"/api/tasks/{'0' * 18}/cancel"):
                for media in (
                    "text/plain",
                    "application/jsonx",
                    "text/html, application/json",
                    "*/*",
                    "application/xml",
                ):
                    _is_problem(await _post(site, b"{}", f"Content-Type: {media}", path=path), 415)
                _is_problem(await _post(site, b"{}", "X-Nothing: 1", path=path), 415)
            for media in ("application/json; charset=utf-8", "Application/JSON", " application/json "):
                assert (await _post(site, _job(), f"Content-Type: {media}")).status == 201

    run(story())


def test_a_head_that_can_be_read_two_ways_is_refused(settings: Settings) -> None:
    """What says its length twice, or in another form, or is folded, is 400: nothing behind us can read it otherwise."""

    async def story() -> None:
        async with open_site(settings) as site:
            for lines in (
                ["Content-Length: 5", "Transfer-Encoding: chunked"],
                ["Content-Length: 5", "Content-Length: 6"],
                ["Content-Length: +5"],
                ["Content-Length: 5, 5"],
                ["Content-Length: -1"],
                ["Content-Length: 0x5"],
                ["Content-Length: \xb2"],
                ["Transfer-Encoding: chunked, identity"],
                ["X: a\n b"],
                ["X : a"],
                ["X: a\0b"],
                ["X: a\rb"],
            ):
                said = await site.say(site.request("POST", "/api/tasks", *lines, body=b"0\r\n\r\n"))
                assert said.status == 400, lines
            assert await site.accepted() == 0

    run(story())
