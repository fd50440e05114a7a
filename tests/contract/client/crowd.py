"""Tasks in whatever states a test names, and the list of them as plain Python would make it.

Job: make them by the real scripts, many in one call, so that times are equal; sort and filter the records by hand.
Not its job: expectations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
from tests.contract.queue.rig import LONG_MS, Rig, held

from ezaigents.client import Page, Sought, list_page
from ezaigents.queue import Queue
from ezaigents.records import OnParentFailure, Result, Task, TaskKind, TaskState

ASKING = "asking"
AGENTS = ("ann", "anna", "bob")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A task to be made. `state`: one of the eight, or `asking`. `note`: its summary when done, its error when dead."""

    state: str
    agent: str = "ann"
    priority: int = 5
    kind: TaskKind = TaskKind.ANALYZE
    title: str = ""
    note: str = ""
    patch: bool = False
    delay_ms: int = LONG_MS


async def make(rig: Rig, wanted: Sequence[Wanted]) -> list[str]:
    """Make them; returns their ids in this order. At most 100, of which all that end alike end in one call."""
    run = rig.new_run(agent="other")
    parent, lost = await rig.submit(2, run=run)
    await rig.queue.fail([(await rig.hold(lost, lane="other@p0"), "lost")])
    more: dict[str, dict[str, Any]] = {
        "blocked": {"parents": (parent,)},
        "skipped": {"parents": (lost,), "on_parent_failure": OnParentFailure.SKIP},
    }
    specs = [
        rig.spec(
            run, agent=one.agent, priority=one.priority, kind=one.kind, title=one.title,
            delay_ms=one.delay_ms if one.state == "delayed" else 0, **more.get(one.state, {}),
        )
        for one in wanted
    ]  # fmt: skip
    await rig.queue.submit(specs, run=run)
    claims = await rig.queue.claim(rig.nonce(), "h1", LONG_MS, [(f"{agent}@p0", 1000) for agent in AGENTS])
    by_id = {claim.id: held(claim) for claim in claims}
    ours = {spec.id: one for spec, one in zip(specs, wanted, strict=True)}
    mine = {state: [i for i, one in ours.items() if one.state == state] for state in (*TaskState, ASKING)}
    await rig.queue.finish(
        [(by_id[i], Result(summary=ours[i].note, patch="p" if ours[i].patch else "")) for i in mine["done"]]
    )
    await rig.queue.fail([(by_id[i], ours[i].note) for i in mine["dead"]])
    await rig.queue.ask([(by_id[i], "q1", "command: ls") for i in mine[ASKING]])
    before = [i for i in by_id if i not in ours]
    await rig.queue.release([by_id[i] for i in (*mine["ready"], *mine["cancelled"], *before)])
    await rig.queue.cancel(mine["cancelled"])
    await rig.settle_children()
    return list(ours)


async def pages(queue: Queue, sought: Sought, most: int) -> list[Page]:
    """Every page, by following `next` to its end."""
    found = [await list_page(queue, sought, most=most)]
    while found[-1].next:
        found.append(await list_page(queue, sought, most=most, after=found[-1].next))
    return found


async def listed(queue: Queue, sought: Sought | None = None, most: int = 50) -> list[str]:
    """The ids on every page."""
    return [task.id for page in await pages(queue, sought or Sought(), most) for task in page.tasks]


async def everyone(rig: Rig) -> list[Task]:
    """Every task there is, by looking at every key."""
    prefix = rig.keys.task("")
    keys = await rig.raw("KEYS", f"{prefix}*")
    return await rig.queue.tasks([key.decode()[len(prefix) :] for key in keys])


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """As the list is sorted, by what the records say."""
    open_ones = sorted((task for task in tasks if not task.state.terminal), key=_open_key)
    ended = sorted((task for task in tasks if task.state.terminal), key=lambda task: (task.ended_ms, task.id))
    return list(chain(open_ones, reversed(ended)))


def _open_key(task: Task) -> tuple[int, str, int, str]:
    lane = f"{task.agent}@{task.place}"
    keys = {
        TaskState.LEASED: (0, "", 0, task.id),
        TaskState.READY: (1, lane, task.priority * 2**42 + task.seq, task.id),
        TaskState.DELAYED: (2, "", task.due_ms, task.id),
        TaskState.BLOCKED: (3, "", task.accepted_ms, task.id),
    }
    return keys[task.state]


def is_sought(sought: Sought, task: Task) -> bool:
    """The filter, spelt out once more."""
    if sought.states and task.state not in sought.states:
        return False
    if sought.agent and task.agent != sought.agent:
        return False
    if sought.kind is not None and task.kind != sought.kind:
        return False
    if sought.patch is not None and task.patch_state != sought.patch:
        return False
    if sought.asks and not (task.state == "delayed" and task.asks_id):
        return False
    words = f"{task.title}\n{task.summary}\n{task.error}\n{task.id}"
    return sought.text.casefold() in words.casefold()
