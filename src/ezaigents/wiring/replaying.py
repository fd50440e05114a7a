"""A recorded task run again in a folder of its own, without engine, keys and network. Job: put the parts together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import msgspec

from ezaigents.agents.definition import Definition
from ezaigents.agents.model.journal import read_records
from ezaigents.agents.model.recording import read_record, unpack_tree
from ezaigents.agents.model.replay import KeptReplies, NoAudit, ReplayContext, Replayed, Verdicts, compared
from ezaigents.agents.model.services import Services
from ezaigents.agents.model.session import Session
from ezaigents.budget import Budget, InputRatio, Prices
from ezaigents.clock import SystemClock
from ezaigents.errors import InputError
from ezaigents.providers import Caller
from ezaigents.records import Approval, Claim, TaskKind
from ezaigents.settings import Settings
from ezaigents.wiring.workshop import Workshops
from ezaigents.workspace import PATCH_FILE

_NO_LIMIT = 2**40
_ALL_FENCES = 2**62
_WINDOW = 10**9


async def replay(settings: Settings, task_id: str, scratch: Path) -> Replayed:
    """Run the task again in `scratch`, an empty folder, and compare. Raises InputError where there is no record."""
    task_folder = settings.home_path / "tasks" / task_id
    recorded = await asyncio.to_thread(read_record, task_folder)
    records, _ = await asyncio.to_thread(read_records, task_folder, before=_ALL_FENCES)
    if not records:
        raise InputError("id", f"task {task_id} has no journal: no model ever answered it")
    workspace = scratch / "workspace"
    workspace.mkdir()
    await asyncio.to_thread(unpack_tree, task_folder, workspace)
    there = msgspec.structs.replace(
        settings,
        home=str(scratch / "home"),
        workspace=str(workspace),
        task_steps=_NO_LIMIT,
        task_tokens=_NO_LIMIT,
        task_time_s=float(_NO_LIMIT),
        budget_task_usd=float(_NO_LIMIT),
    )
    replies = KeptReplies(records)
    folder = scratch / "home" / "tasks" / task_id / "1"
    context = ReplayContext(there, folder, recorded.prompt, recorded.noted)
    session = Session(
        _unlimited(recorded.definition),
        _services(there, replies),
        _claim(recorded.kind, task_id, Verdicts(records, settings)),
        recorded.brief,
        context,
    )
    try:
        result = await session.go()
    finally:
        await session.close()
        context.close()
    now, _ = await asyncio.to_thread(read_records, folder.parent, before=_ALL_FENCES)
    then_patch = await asyncio.to_thread(_newest_patch, task_folder)
    now_patch = await asyncio.to_thread(_newest_patch, folder.parent)
    differences = compared(records, now, then_patch, now_patch)
    return Replayed(steps=replies.used, patch=result.patch, summary=result.summary, differences=tuple(differences))


def _unlimited(definition: Definition) -> Definition:
    """The agent without limits of its own: where the task ended then is where its replies end."""
    return msgspec.structs.replace(definition, steps=0, tokens=0, time_s=0.0, budget_usd=0.0)


def _services(settings: Settings, replies: KeptReplies) -> Services:
    workshops = Workshops(settings)
    return Services(
        caller=cast("Caller", replies),
        budget=cast("Budget", None),  # the meter is never asked: no call is made
        prices=Prices.load(settings),
        ratio=InputRatio(),
        audit=NoAudit(),
        clock=SystemClock(),
        window=lambda chain: _WINDOW,
        open_workshop=workshops.open,
        dirty=_none_dirty,
    )


async def _none_dirty(paths: tuple[str, ...]) -> tuple[str, ...]:
    return ()


def _claim(kind: TaskKind, task_id: str, answers: dict[str, Approval]) -> Claim:
    return Claim(
        id=task_id,
        fence=1,
        run=task_id,
        agent="replay",
        place="replay",
        kind=kind,
        title="",
        payload="",
        attempt=1,
        crashes=0,
        deadline_ms=0,
        lease_until_ms=0,
        answers=answers,
    )


def _newest_patch(task_folder: Path) -> bytes:
    """The patch of the newest attempt that made one; b"" = none did."""
    for fence in sorted((int(path.name) for path in task_folder.iterdir() if path.name.isdigit()), reverse=True):
        path = task_folder / str(fence) / PATCH_FILE
        if path.exists():
            return path.read_bytes()
    return b""
