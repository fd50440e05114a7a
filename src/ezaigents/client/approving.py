"""What a person decides about the questions of tasks. Job: write it down, then tell the queue. Not its job: asking.

The decision is in the audit log, on the disk, before it is in the engine: nothing is ever allowed that nobody wrote
down. Each binds to the question that was read: one that was asked since is not answered by it.
"""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path

import msgspec

from ezaigents.audit import AuditKind, AuditLog, AuditRecord
from ezaigents.queue import Queue
from ezaigents.records import Answer, Approval, Task


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one decision. `asks`: exactly what was decided, "" = the task asks nothing.

    `answer`: OK, STALE (it asks nothing, something else by now, or was answered otherwise first), GONE.
    """

    task: str
    asks: str = ""
    answer: Answer


async def decide(
    queue: Queue, home: Path, task_id: str, verdict: Approval, why: str, *, question: str = "", by: str = ""
) -> Decided:
    """Answer what a task asks now.

    `question`: only where that is still it, "" = whatever it is. `by`: who decides, besides this process's user.
    Raises ConfigError or RetryLater when it cannot be written down, EngineDown.
    """
    found = await queue.tasks([task_id])
    if not found:
        return Decided(task=task_id, answer=Answer.GONE)
    task = found[0]
    if not task.waits_for_answer or question not in ("", task.asks_id):
        return Decided(task=task_id, answer=Answer.STALE)
    log, who = AuditLog(home, os.uname().nodename), f"{user_name()} ({by})" if by else user_name()
    await asyncio.to_thread(log.append, _record(task, who, verdict.value, why), sync=True)
    answer = await queue.answer(task_id, task.asks_id, verdict, who=who, why=why)
    if answer is not Answer.OK:
        await asyncio.to_thread(
            log.append, _record(task, who, f"{verdict.value} was {answer.value.lower()}", why), sync=True
        )
    return Decided(task=task_id, asks=task.asks, answer=answer)


def user_name() -> str:
    """Who runs this process, as the system knows it: not what the environment says."""
    user = os.getuid()
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _record(task: Task, who: str, outcome: str, why: str) -> AuditRecord:
    what = f"{task.asks_id} {task.asks}" + (f" ({why})" if why else "")
    return AuditRecord(kind=AuditKind.APPROVAL, what=what, who=who, task=task.id, fence=task.fence, outcome=outcome)
