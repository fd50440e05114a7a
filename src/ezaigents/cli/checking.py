"""Checking the task records, with whatever engine there is. Job: reach it, or start it alone. Not its job: checking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ezaigents.cli.talk import say
from ezaigents.client import Client
from ezaigents.engine import begin, living_hosts
from ezaigents.errors import ConfigError
from ezaigents.queue import Queue
from ezaigents.queue.fsck import FsckReport, OtherCheck, check, repair
from ezaigents.settings import Settings
from ezaigents.team.fsck import judge_team

_TEAM = OtherCheck({"locks": "file leases agree with their index, and no two that hold overlap"}, judge_team)


class FleetLives(ConfigError):
    """A host is at work, and what is to be done needs quiet."""

    def __init__(self, home: Path, names: list[str]) -> None:
        super().__init__(f"a host lives on {home} ({', '.join(names)}); run `ez down` first, then repair")


async def check_records(settings: Settings, *, mend: bool) -> tuple[list[str], FsckReport]:
    """Check, after repairing where that is asked for; returns the changes and what was found after them.

    Raises FleetLives, EngineDown, EngineMissing.
    """
    async with _queue(settings) as (client, queue):
        changes: list[str] = []
        if mend:
            changes = await _repair(client, queue)
        report = await check(queue, remembered=_remembers(settings.home_path), also=(_TEAM,))
        return changes, report


async def _repair(client: Client, queue: Queue) -> list[str]:
    names = sorted({*living_hosts(client.settings.home_path), *(card.name for card in await client.hosts())})
    if names:
        raise FleetLives(client.settings.home_path, names)
    return await repair(queue)


@asynccontextmanager
async def _queue(settings: Settings) -> AsyncIterator[tuple[Client, Queue]]:
    """The queue of the living engine, or of one that is started for the check and stopped after it."""
    if not settings.home_path.is_dir():
        raise ConfigError(f"there is no data folder {settings.home}: nothing to check")
    engine = begin(settings).ready()
    try:
        if not engine.adopted and engine.kind == "embedded":
            say("no engine was running: started it for the check")
        async with Client.connect(settings, need_host=False) as client:
            yield client, client.queue
    finally:
        engine.leave()


def _remembers(home: Path) -> bool:
    """Whether the data folder says that there once were tasks."""
    return any((home / "runs").glob("*")) or any((home / "tasks").glob("*"))
