"""State damaged by hand: the host says so and goes on."""

from __future__ import annotations

import logging

import msgspec
import pytest
from tests.integration.runtime.fleets import DONE, agent, at_once, call, working
from tests.leaks import run, until

from ezaigents.records import lane_of
from ezaigents.settings import Settings


def test_a_claim_the_engine_refuses_does_not_end_the_host(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A lane that cannot be read is reported, and tried again until it is mended."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            await yard.ended(await yard.hand_in())
            lane = lane_of("a", yard.client.place)
            call(yard.fleet, "SET", yard.queue.keys.ready(lane), "damaged")
            yard.fleet.host.on_heard(yard.queue.keys.wake(lane), lane)
            await until(lambda: "no task could be claimed" in caplog.text)
            assert not yard.working.done()
            call(yard.fleet, "DEL", yard.queue.keys.ready(lane))
            assert (await yard.ended(await yard.hand_in(), limit_s=5))[0].state is DONE

    with caplog.at_level(logging.ERROR):
        run(story())


def test_a_record_that_cannot_be_read_does_not_end_the_host(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged task is reported by the sweep; the work of the others goes on."""

    async def story() -> None:
        forgetful = msgspec.structs.replace(settings, ended_keep_s=0.5, sweep_s=0.1)
        async with working(forgetful, agent(at_once), judged=False) as yard:
            ids = await yard.hand_in()
            await yard.ended(ids)
            call(yard.fleet, "HSET", yard.queue.keys.task(ids[0]), "kind", "nonsense")
            await until(lambda: "fsck" in caplog.text)
            assert not yard.working.done()
            assert (await yard.ended(await yard.hand_in()))[0].state is DONE

    with caplog.at_level(logging.ERROR):
        run(story())
