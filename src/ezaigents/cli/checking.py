"""Checking the task records, with whatever engine there is. Job: reach it, or start it alone. Not its job: checking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ezaigents.audit import FaultKind, verify
from ezaigents.budget.fsck import RULES as BUDGET_RULES
from ezaigents.budget.fsck import judge_budget, mend_budget
from ezaigents.cli.talk import say
from ezaigents.client import Client
from ezaigents.engine import begin, living_hosts
from ezaigents.errors import ConfigError
from ezaigents.queue import Queue
from ezaigents.queue.fsck import FsckReport, OtherCheck, check, repair
from ezaigents.settings import Settings
from ezaigents.team.fsck import judge_team

_AUDIT = "audit"
_TEAM = OtherCheck({"locks": "file leases agree with their index, and no two that hold overlap"}, judge_team)

_BUDGET = OtherCheck(BUDGET_RULES, judge_budget)


class FleetLives(ConfigError):
    """A host is at work, and what is to be done needs quiet."""

    def __init__(self, home: Path, names: list[str]) -> None:
        super().__init__(f"a host lives on {home} ({', '.join(names)}); run `ez down` first, then repair")


async def check_records(settings: Settings, *, mend: bool) -> tuple[list[str], FsckReport]:
    """Check, after repairing where that is asked for; returns the changes and what was found after them.

    Raises FleetLives, EngineDown, EngineMissing.
    """
    async with _queue(settings) as (client, queue):
        is_plain = await _is_plain(client)
        changes: list[str] = []
        if mend:
            changes = await _repair(client, queue, plain=is_plain)
        report = await check(
            queue,
            remembered=_remembers(settings.home_path),
            also=(_TEAM, _BUDGET, _audit(settings.home_path)),
            plain=is_plain,
        )
        return changes, report


def _audit(home: Path) -> OtherCheck:
    """A line that a crash has cut off is no fault: nobody was told that it was written, and the next one says so."""

    async def judge(queue: Queue, note: Callable[[str, str, str], None]) -> None:
        for fault in await asyncio.to_thread(verify, home):
            if fault.kind is not FaultKind.TORN:
                note(_AUDIT, fault.where, f"{fault.kind.value}: {fault.text}")

    return OtherCheck(
        {_AUDIT: "the audit log is whole: each record follows from the one before, up to its head"}, judge
    )


async def _is_plain(client: Client) -> bool:
    """As the living hosts keep things, else as the settings say."""
    hosts = await client.hosts()
    return (hosts[0].storage if hosts else client.settings.storage) == "plain"


async def _repair(client: Client, queue: Queue, *, plain: bool) -> list[str]:
    names = sorted({*living_hosts(client.settings.home_path), *(card.name for card in await client.hosts())})
    if names:
        raise FleetLives(client.settings.home_path, names)
    return [*await repair(queue, plain=plain), *await mend_budget(queue)]


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
