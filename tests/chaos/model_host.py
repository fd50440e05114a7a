"""A host with simulated models under test: the product's own Fleet, and nothing in between.

Job: run until told to stop, or killed. `forgetful`: begins each attempt anew, as a product without a journal would.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Self

import msgspec

from ezaigents.agents import Context
from ezaigents.agents.attempts import begin_anew
from ezaigents.agents.model.agent import ModelAgent
from ezaigents.errors import EzError
from ezaigents.records import Claim, Result
from ezaigents.settings import Settings
from ezaigents.wiring import Fleet


class ModelHostOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What such a host is told."""

    settings: Settings
    forgetful: bool = False


class Forgetful:
    """An agent that does not go on from what was journaled: the harness has to notice."""

    def __init__(self, agent: ModelAgent) -> None:
        self._agent = agent

    async def run(self, claim: Claim, context: Context) -> Result:
        begin_anew(context.task_folder().parent, claim.fence - 1)
        return await self._agent.run(claim, context)

    async def close(self) -> None:
        await self._agent.close()


class _ForgetfulFleet(Fleet):
    async def __aenter__(self) -> Self:
        await super().__aenter__()
        for declared in self.host._agents.values():
            if declared.card.models and declared.factory is not None:
                declared.factory = lambda settings, make=declared.factory: Forgetful(make(settings))
        return self


def run_model_host(options: ModelHostOptions) -> None:
    """Be a host until SIGTERM; returns when it has wound down."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    try:
        asyncio.run(_run(options))
    except EzError as error:  # the engine was killed while it started
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


async def _run(options: ModelHostOptions) -> None:
    fleet = _ForgetfulFleet(options.settings) if options.forgetful else Fleet(options.settings)
    async with fleet:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.stop)
        os.write(1, msgspec.json.encode({"up": os.getpid()}) + b"\n")
        await fleet.run()
