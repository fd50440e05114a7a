"""An agent that blocks the event loop: it is told of, kept for a while, and then overtaken."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec
import pytest
from tests.integration.runtime.fleets import DONE, agent, working
from tests.integration.runtime.hosts import HostProcess
from tests.leaks import run, until

from ezaigents.agents import Context
from ezaigents.records import Claim, Result
from ezaigents.settings import Settings

_LEASE_S = 4.5
"""Two thirds of it are so much longer than the blocks that a busy machine does not make them too long."""


def _sleep_in_the_loop(seconds: float) -> None:
    time.sleep(seconds)


def test_a_short_block_is_reported_and_costs_nothing(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A loop that stands still is logged with its stack, also when the block is the first thing a task does."""

    async def do(claim: Claim, context: Context) -> Result:
        _sleep_in_the_loop(_LEASE_S * 0.5)
        return Result(summary="slow")

    async def story() -> None:
        async with working(msgspec.structs.replace(settings, lease_s=_LEASE_S), agent(do)) as yard:
            task = (await yard.ended(await yard.hand_in()))[0]
            assert (task.state, task.summary, task.crashes) == (DONE, "slow", 0)

    with caplog.at_level(logging.ERROR):
        run(story())
    assert "the event loop has stood still" in caplog.text
    assert "_sleep_in_the_loop" in caplog.text


def test_an_idle_host_is_not_reported(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A loop that sleeps because there is nothing to do does not stand still, also not when it is stopped."""

    async def do(claim: Claim, context: Context) -> Result:
        return Result()

    async def story() -> None:
        async with working(settings, agent(do)) as yard:
            await yard.ended(await yard.hand_in())
            await asyncio.sleep(1.0)  # the beat ends, and twice the time after which a block is reported passes
            await yard.ended(await yard.hand_in())
            await asyncio.sleep(1.0)

    with caplog.at_level(logging.ERROR):
        run(story())
    assert "stood still" not in caplog.text


def test_a_block_within_its_limit_keeps_the_claim(
    settings: Settings, start_host: Callable[[Settings], HostProcess]
) -> None:
    """While the loop stands still for less than two thirds of a lease, renewals go on and nobody else gets the task."""

    longer = msgspec.structs.replace(settings, lease_s=_LEASE_S)

    async def do(claim: Claim, context: Context) -> Result:
        await asyncio.sleep(_LEASE_S * 0.7)
        _sleep_in_the_loop(_LEASE_S * 0.4)
        return Result(summary="of the slow one")

    async def story() -> None:
        async with working(longer, agent(do, slots=1)) as yard:
            ids = await yard.hand_in()
            await until(lambda: yard.fleet.host.running == 1)
            start_host(msgspec.structs.replace(longer, name="other", sweep_s=0.1))
            task = (await yard.ended(ids))[0]
            assert (task.summary, task.crashes) == ("of the slow one", 0)

    run(story())


def test_a_block_beyond_its_limit_loses_the_claim(
    settings: Settings, start_host: Callable[[Settings], HostProcess], caplog: pytest.LogCaptureFixture
) -> None:
    """A host that hangs is not renewed: another one does the task, and the late result is refused."""

    short = msgspec.structs.replace(settings, lease_s=0.9, renew_s=0.2)
    other = start_host(msgspec.structs.replace(short, name="other", sweep_s=0.1))

    async def do(claim: Claim, context: Context) -> Result:
        other.thaw()
        _sleep_in_the_loop(3.0)  # two thirds of a lease, a lease, and time for the other one
        return Result(summary="of the zombie")

    async def story() -> None:
        async with working(short, agent(do, slots=1)) as yard:
            other.freeze()  # until we have the task
            ids = await yard.hand_in()
            task = (await yard.ended(ids))[0]
            assert (task.summary, task.owner) == ("by other", "other")
            await until(lambda: yard.fleet.host.running == 0)

    with caplog.at_level(logging.WARNING):
        run(story())
    assert "was not taken (STALE)" in caplog.text
