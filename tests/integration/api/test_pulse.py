"""`/api/health`: soon answered whatever the engine does, and a crowd of askers costs what one costs."""

from __future__ import annotations

import asyncio
import signal
from functools import partial

import pytest
from tests.integration.api.site import open_site
from tests.leaks import run, until

from ezaigents.api import pulse
from ezaigents.client import client as client_file
from ezaigents.engine import Connection
from ezaigents.settings import Settings


def test_a_frozen_engine_is_told_of_soon(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Health is 503 long before a connection gives up an engine that says nothing; with a token it says why."""
    monkeypatch.setattr(client_file, "Connection", partial(Connection, timeout_s=3600.0))

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/health")).json()["ok"]
            site.yard.kill_engine(signal.SIGSTOP)
            try:

                async def is_told() -> bool:
                    return (await site.get("/api/health", token="")).status_code == 503

                await until(is_told)
                stranger, known = await site.get("/api/health", token=""), await site.get("/api/health")
                assert (stranger.status_code, stranger.json()) == (503, {"ok": False})
                assert (known.status_code, known.json()["ready"]) == (503, False)
                assert "not answered" in known.json()["why"]
            finally:
                site.yard.kill_engine(signal.SIGCONT)

            async def is_well() -> bool:
                return (await site.get("/api/health")).status_code == 200

            await until(is_well)

    run(story())


def test_a_crowd_costs_one_look(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask within a second, with or without a token, the engine is asked once; later it is asked anew."""
    looks: list[int] = []
    look = pulse.Pulse._look

    async def counted(self: pulse.Pulse) -> pulse.Beat:
        looks.append(1)
        return await look(self)

    monkeypatch.setattr(pulse.Pulse, "_look", counted)

    async def story() -> None:
        async with open_site(settings) as site:
            monkeypatch.setattr(pulse, "_FRESH_S", 3600.0)
            answers = await asyncio.gather(
                *(site.get("/api/health", token="") for _ in range(20)), *(site.get("/api/health") for _ in range(20))
            )
            assert {answer.status_code for answer in answers} == {200}
            assert len(looks) == 1

    run(story())


def test_what_was_seen_is_seen_anew_later(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is good for a second, no longer."""
    monkeypatch.setattr(pulse, "_FRESH_S", 0.0)

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/health")).status_code == 200
            site.yard.fleet.stop()
            await site.yard.working
            told = await site.get("/api/health")
            assert (told.status_code, told.json()["ok"]) == (503, False)
            assert "no host" in told.json()["why"]

    run(story())
