"""The list of tasks, a page at a time. Job: find the next page by the indices there are, with bounded work per call.

In order: leased (by id: an index by end of lease turns over with every renewal), ready (lane by lane, as they will be
claimed), delayed (by due time), blocked (by the time they were blocked), ended (newest first). A cursor is the place of
the last task looked at, so what comes behind it does not depend on what has come or gone before it.
Not its job: how a place in an index is found again (places), what a user sees of a task (cli).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ezaigents.client.places import Place, Section, cursor_of, next_places, place_of
from ezaigents.errors import InputError
from ezaigents.queue import Queue
from ezaigents.records import PatchState, Task, TaskKind, TaskState

PAGE_MOST = 1000
LOOK_MOST = 1000
"""Tasks looked at for one page, in 10 to 30 ms (bench `listing`). A greater number makes no whole search faster."""
_STEP = 250
"""Tasks read in one go: others' calls on the same connection wait behind them."""
_TEXTS = ("title", "summary", "error")
_NOT_DEAD = frozenset({TaskState.DONE, TaskState.CANCELLED, TaskState.SKIPPED})


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks a list shows; every condition must hold, and what is left at its default does not count.

    `states`: one of these, none = all. `text`: somewhere in title, summary, error or id, in whatever case.
    `asks`: only tasks that wait for a person. `patch`: `none` means tasks without a patch.
    """

    states: frozenset[TaskState] = frozenset()
    agent: str = ""
    kind: TaskKind | None = None
    text: str = ""
    asks: bool = False
    patch: PatchState | None = None

    def fits(self, task: Task) -> bool:
        """Say whether a task is sought."""
        return (
            (not self.states or task.state in self.states)
            and self.agent in ("", task.agent)
            and self.kind in (None, task.kind)
            and self.patch in (None, task.patch_state)
            and (not self.asks or task.waits_for_answer)
            and self._holds_text(task)
        )

    def _holds_text(self, task: Task) -> bool:
        text = self.text.casefold()
        return not text or any(text in one.casefold() for one in (task.id, task.title, task.summary, task.error))


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some tasks of the list, in order.

    `next`: the cursor of what follows, "" = that was all. `looked_at`: how many tasks were looked at.
    `stopped_early`: they were enough for one call before the page was full; `next` goes on.
    """

    tasks: tuple[Task, ...]
    next: str
    looked_at: int
    stopped_early: bool = False


async def list_page(queue: Queue, sought: Sought, *, most: int = 50, after: str = "") -> Page:
    """Read a page of at most `most` (1 to 1,000) tasks behind the cursor `after`, "" = from the beginning.

    Following `next` to its end shows each task that stays where it is exactly once. One that moves meanwhile may be
    shown twice, or not at all; it is shown as it is when it is read. At most 1,000 tasks are looked at.
    Raises InputError (`most`, `cursor`), EngineDown.
    """
    if not 1 <= most <= PAGE_MOST:
        raise InputError("most", f"must be a whole number from 1 to {PAGE_MOST}, not {most!r}")
    place = place_of(after) if after else None
    tasks: dict[str, Task] = {}
    looked_at, count = 0, min(2 * most, LOOK_MOST)
    rest: Sequence[Place] = ()
    while True:
        full, tired = len(tasks) >= most, looked_at >= LOOK_MOST
        rest = rest or await _next_batch(queue, sought, place, 1 if full or tired else count)
        if full or tired or not rest:
            return Page(
                tasks=tuple(tasks.values()),
                next=cursor_of(place) if rest and place else "",
                looked_at=looked_at,
                stopped_early=bool(rest) and not full,
            )
        likely, number = await _likely(queue, sought, rest, most - len(tasks))
        found = await queue.tasks([one.id for one in likely])
        tasks |= {task.id: task for task in found if sought.fits(task)}
        place, rest = rest[number - 1], rest[number:]
        looked_at += number
        count = LOOK_MOST - looked_at


async def _next_batch(queue: Queue, sought: Sought, after: Place | None, count: int) -> list[Place]:
    """The next places, all of one section, where a task that is sought may stand; none when there are no more."""
    for section in _sections(sought):
        if after is None or section >= after.section:
            behind = after if after is not None and section is after.section else None
            keys = _ended_keys(queue, sought) if section is Section.ENDED else ()
            if places := await next_places(queue, section, behind, count, agent=sought.agent, ended=keys):
                return places
    return []


def _sections(sought: Sought) -> list[Section]:
    states = sought.states or frozenset(TaskState)
    if sought.asks:
        states &= {TaskState.DELAYED}
    return sorted({Section.of(state) for state in states})


def _ended_keys(queue: Queue, sought: Sought) -> list[str]:
    states = sought.states or frozenset(TaskState)
    keys = [queue.keys.ended()] if states & _NOT_DEAD else []
    return [*keys, queue.keys.dead()] if TaskState.DEAD in states else keys


async def _likely(queue: Queue, sought: Sought, batch: Sequence[Place], most: int) -> tuple[Sequence[Place], int]:
    """The first that fit, or perhaps do, by as few fields as it takes; and how many were looked at to find them.

    Whole tasks, for what the fields leave open, cost three times as much.
    """
    tests = _tests(sought, batch[0].section)
    text = sought.text.casefold()
    names = [*tests, *(_TEXTS if text else ())]
    if not names:
        return batch[:most], min(most, len(batch))
    likely = []
    for start in range(0, len(batch), _STEP):
        step = batch[start : start + _STEP]
        rows = await queue.read_many([("HMGET", queue.keys.task(place.id), *names) for place in step])
        for number, (place, row) in enumerate(zip(step, rows, strict=True), start + 1):
            if tests and not all(test(value or b"") for test, value in zip(tests.values(), row, strict=False)):
                continue
            if text and text not in place.id and text not in _folded(row[len(tests) :]):
                continue
            likely.append(place)
            if len(likely) == most:
                return likely, number
    return likely, len(batch)


def _folded(values: Sequence[bytes | None]) -> str:
    """As one text, because that takes a third of the time that each by itself does."""
    return b"\n".join([value for value in values if value]).decode("utf-8", "replace").casefold()


def _tests(sought: Sought, section: Section) -> dict[str, Callable[[bytes], bool]]:
    """By hash field what its value must be; b"" stands for the default."""
    tests: dict[str, Callable[[bytes], bool]] = {}
    if section is Section.ENDED and 0 < len(sought.states & _NOT_DEAD) < len(_NOT_DEAD):
        tests["state"] = {state.value.encode() for state in sought.states}.__contains__
    if sought.agent and section is not Section.READY:
        lanes = f"{sought.agent}@".encode()
        tests["lane"] = lambda value: value.startswith(lanes)
    if sought.kind is not None:
        kind = sought.kind.value.encode()
        tests["kind"] = lambda value: (value or TaskKind.ANALYZE.value.encode()) == kind
    if sought.patch is not None:
        patch = sought.patch.value.encode()
        tests["patch_state"] = lambda value: (value or PatchState.NONE.value.encode()) == patch
    if sought.asks:
        tests["asks_id"] = bool
    return tests
