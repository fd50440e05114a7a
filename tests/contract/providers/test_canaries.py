"""No part of a key is ever told, whatever a provider says of it."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.contract.providers.calling import PATIENT, Naps, provider, scene
from tests.contract.providers.scripted import Play, Server, chat_events, raw, says, streams

from ezaigents.clock import ManualClock
from ezaigents.errors import EzError
from ezaigents.providers import Client, Route

_CANARY = 'Canary+/Value"0123456789\\abcdefgh'
_PARTS = ("Canary", "Value", "0123456789", "abcdefgh", base64.b64encode(_CANARY.encode()).decode()[2:10])


def _echoes() -> list[Play]:
    forms = [_CANARY, json.dumps(_CANARY), quote(_CANARY), base64.b64encode(b"x:" + _CANARY.encode()).decode()]
    said = [f"Incorrect API key provided: {form}. You can find yours" for form in forms]
    said.append("x" * (480 - len(_CANARY) // 2) + _CANARY)  # cut in the middle of it
    plays = [
        says(status, {"error": {"message": words, "type": _CANARY, "code": _CANARY}}, {"www-authenticate": _CANARY})
        for status in (400, 401, 403, 404, 429, 500, 529)
        for words in said
    ]
    plays += [says(status, _CANARY.encode()) for status in (400, 401, 500)]
    plays += [raw(b"HTTP/1.1 " + _CANARY.encode()), raw(_CANARY.encode() + b"\r\n\r\n")]
    plays += [says(302, b"", {"location": f"https://x.example/?k={quote(_CANARY)}"})]
    broken = {"error": {"message": f"no: {_CANARY}", "code": _CANARY}}
    plays += [streams(f"data: {json.dumps(broken)}\n\n".encode()), streams(f"data: {_CANARY}\n\n".encode())]
    return plays


@pytest.mark.parametrize("dialect", ["anthropic", "responses", "chat"])
async def test_whatever_a_provider_says(tmp_path: Path, dialect: str, caplog: pytest.LogCaptureFixture) -> None:
    """Messages, tracebacks, tries, states and debug logs hold no part of the key that a provider repeats."""
    caplog.set_level(logging.DEBUG)
    clock, client = ManualClock(), Client(PATIENT)
    told: list[str] = []
    for play in _echoes():
        async with (
            Server(play) as server,
            scene(
                [provider("one", server.url, dialect)],
                tmp_path,
                clock=clock,
                sleep=Naps(clock),
                client=client,
                ONE_KEY=_CANARY,
            ) as scenery,
        ):
            with pytest.raises(EzError) as caught:
                await scenery.call()
            assert server.asked[0].key == _CANARY
            told += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
            told += [repr(scenery.tries), repr(scenery.caller.describe()), scenery.caller.why_not(Route("one", "m"))]
            told += [repr(scenery.keys), repr(scenery.caller)]
            chained = caught.value.__context__
            assert chained is None or "Canary" not in str(chained)
    await client.close()
    told.append(caplog.text)
    everything = "\n".join(told)
    assert "one:m" in everything
    assert [line for line in everything.splitlines() if any(part in line for part in _PARTS)] == []


async def test_a_call_that_works_tells_nothing_either(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Debug logs of the HTTP client hold neither the key nor what was asked."""
    caplog.set_level(logging.DEBUG)
    async with (
        Server(streams(chat_events())) as server,
        scene([provider("one", server.url)], tmp_path, ONE_KEY=_CANARY) as play,
    ):
        await play.call()
    assert [part for part in (*_PARTS, "say hello") if part in caplog.text] == []
