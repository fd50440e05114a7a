"""The list of tasks while it changes: equal times, tasks that move between pages, cursors of tasks that are gone."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.client.crowd import AGENTS, Wanted, everyone, listed, make
from tests.contract.client.test_listing import crowds
from tests.contract.queue.rig import LONG_MS, Rig, held
from tests.engines import Engine

from ezaigents.client import Client, Sought, list_page
from ezaigents.engine import Arg, EngineHandle, Reply
from ezaigents.engine.checks import Facts
from ezaigents.errors import InputError
from ezaigents.ids import ID_LENGTH
from ezaigents.policy import CrashPolicy
from ezaigents.queue import Queue
from ezaigents.records import Approval, Task, TaskState
from ezaigents.settings import Settings

ENDED = Sought(states=frozenset({TaskState.CANCELLED}))
moves = st.lists(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1000)), max_size=3), max_size=40)


class Disturbed(Queue):
    """Somebody else works right before every look: with ZRANGE at a part of an index, with HGETALL at tasks."""

    def __init__(self, rig: Rig, look: str, disturb: Callable[[], Awaitable[object]]) -> None:
        super().__init__(rig.connection, rig.keys)
        self._look = look
        self._disturb = disturb

    async def read_many(self, commands: Sequence[tuple[Arg, ...]]) -> list[Reply]:
        if commands and commands[0][0] == self._look:
            await self._disturb()
        return await super().read_many(commands)


async def _cancelled_at_once(rig: Rig, count: int) -> list[str]:
    """So many tasks that ended in the same millisecond, as the list has them."""
    ids = await rig.submit(count)
    await rig.queue.cancel(ids)
    scores = await rig.raw("ZMSCORE", rig.keys.ended(), *ids)
    assert len(set(scores)) == 1
    return sorted(ids, reverse=True)


# -- equal times -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 7, 100, 299])
async def test_tasks_that_ended_at_once_are_shown_once_each(rig: Rig, most: int) -> None:
    """More of them than are read in one go, in any size of page."""
    ids = await _cancelled_at_once(rig, 300)
    assert await listed(rig.queue, most=most) == ids
    assert await listed(rig.queue, ENDED, most=most) == ids


async def test_the_task_of_a_cursor_may_be_gone_among_its_like(rig: Rig) -> None:
    """Its place among equal times is found without it."""
    ids = await _cancelled_at_once(rig, 300)
    first = await list_page(rig.queue, Sought(), most=250)
    await rig.queue.purge([task.id for task in first.tasks[200:]])
    assert [task.id for task in (await list_page(rig.queue, Sought(), after=first.next)).tasks] == ids[250:]
    await rig.queue.purge(ids[:200])
    assert [task.id for task in (await list_page(rig.queue, Sought(), after=first.next)).tasks] == ids[250:]
    await rig.queue.purge(ids[250:])
    page = await list_page(rig.queue, Sought(), after=first.next)
    assert (page.tasks, page.next) == ((), "")


@pytest.mark.parametrize("most", [1, 7, 40, 60, 150])
async def test_dead_and_cancelled_tasks_of_one_moment_are_one_list(rig: Rig, most: int) -> None:
    """They come from two indices, each with more of one time than are read in one go, and are sorted as if from one."""
    ids = await rig.submit(600)
    claims = await rig.claim(600)
    await rig.queue.fail([(held(claim), "e") for claim in claims[::2]])
    await rig.queue.release([held(claim) for claim in claims[1::2]])
    await rig.queue.cancel([claim.id for claim in claims[1::2]])
    moments = {task_id: 1000 + number // 2 % 2 for number, task_id in enumerate(ids)}
    for task_id, moment in moments.items():
        await rig.raw("HSET", rig.keys.task(task_id), "ended", moment)
        await rig.raw("ZADD", rig.keys.dead(), "XX", moment, task_id)
        await rig.raw("ZADD", rig.keys.ended(), "XX", moment, task_id)
    assert await listed(rig.queue, most=most) == sorted(ids, key=lambda one: (moments[one], one), reverse=True)


# -- moving ----------------------------------------------------------------------------------------------------------


async def test_what_leaves_while_a_place_is_looked_up_hides_nothing(rig: Rig) -> None:
    """Positions shift between finding a place and reading from there; what stands behind it is shown all the same."""
    ids = [task_id for n in range(5) for task_id in await rig.submit(100, delay_ms=LONG_MS + n)]
    first = await list_page(rig.queue, Sought(), most=400)
    leaving = [ids[:150], ids[150:390], ids[390:400]]

    async def leave() -> None:
        if leaving:
            await rig.queue.cancel(leaving.pop())

    states = frozenset({TaskState.DELAYED})
    page = await list_page(Disturbed(rig, "ZRANGE", leave), Sought(states=states), most=100, after=first.next)
    assert [task.id for task in page.tasks] == ids[400:]
    assert page.next == ""


async def test_what_comes_while_a_place_is_looked_up_hides_nothing(rig: Rig) -> None:
    """Those that end meanwhile stand before every place, and push the others back."""
    ids = await _cancelled_at_once(rig, 200)
    fresh = await rig.submit(600)
    first = await list_page(rig.queue, ENDED, most=100)

    async def come() -> None:
        for task_id in [fresh.pop() for _ in range(min(len(fresh), 300))]:
            await rig.queue.cancel([task_id])

    page = await list_page(Disturbed(rig, "ZRANGE", come), ENDED, most=100, after=first.next)
    assert [task.id for task in page.tasks] == ids[100:]
    assert page.next == ""


async def test_a_lane_that_grows_while_it_is_looked_up_is_read_to_its_end(rig: Rig) -> None:
    """Urgent tasks that come meanwhile do not push others out of what is read of their lane."""
    ids = await make(rig, [Wanted(state="ready", agent=agent) for agent in ("ann", "bob") for _ in range(3)])

    async def grow() -> None:
        await rig.submit(5, run=rig.new_run(agent="ann"), priority=0)

    found: list[str] = []
    after, queue = "", Disturbed(rig, "ZRANGE", grow)
    for _ in range(20):
        page = await list_page(queue, Sought(states=frozenset({TaskState.READY})), most=7, after=after)
        found += [task.id for task in page.tasks if task.id in ids]
        after = page.next
    assert found == ids


async def test_lanes_that_empty_while_they_are_looked_up_hide_no_others(rig: Rig) -> None:
    """The page goes on with the lanes behind them."""
    ids = await make(rig, [Wanted(state="ready", agent=agent) for agent in AGENTS for _ in range(10)])

    async def leave() -> None:
        await rig.queue.cancel(ids[:10])

    page = await list_page(Disturbed(rig, "ZRANGE", leave), Sought(states=frozenset({TaskState.READY})), most=5)
    assert [task.id for task in page.tasks] == ids[10:15]


async def test_a_task_is_shown_as_it_is_when_it_is_read(rig: Rig) -> None:
    """One that has moved since the index was read is shown only where it still fits, and makes room for another."""
    ids = await rig.submit(4)

    async def cancel() -> None:
        await rig.queue.cancel(ids[1:2])

    ready = Sought(states=frozenset({TaskState.READY}))
    queue = Disturbed(rig, "HGETALL", cancel)
    page = await list_page(queue, ready, most=3)
    assert [task.id for task in page.tasks] == [ids[0], *ids[2:]]
    assert page.next == ""


def test_what_does_not_move_is_shown_exactly_once(engine: Engine) -> None:
    """Whatever else is claimed, settled, cancelled, purged, revived and promoted between one page and the next."""

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(wanted=crowds, moving=moves, most=st.sampled_from([1, 2, 5]))
    def check(wanted: list[Wanted], moving: list[list[tuple[int, int]]], most: int) -> None:
        asyncio.run(_shown_exactly_once(engine, wanted, moving, most))

    check()


async def _shown_exactly_once(
    engine: Engine, wanted: list[Wanted], moving: list[list[tuple[int, int]]], most: int
) -> None:
    async with Rig(engine) as rig:
        await make(rig, wanted)
        before = {task.id: task for task in await everyone(rig)}
        page = await list_page(rig.queue, Sought(), most=most)
        shown = [task.id for task in page.tasks]
        while page.next:
            for verb, number in moving.pop() if moving else ():
                await _move(rig, verb, number)
            page = await list_page(rig.queue, Sought(), most=most, after=page.next)
            assert len({task.id for task in page.tasks}) == len(page.tasks)
            shown += [task.id for task in page.tasks]
        after = {task.id: task for task in await everyone(rig)}
        unmoved = [task_id for task_id, task in before.items() if _place(after.get(task_id)) == _place(task)]
        assert {task_id: shown.count(task_id) for task_id in unmoved} == dict.fromkeys(unmoved, 1)
        assert set(shown) <= set(before) | set(after)


def _place(task: Task | None) -> object:
    """What changes with every move of a task. A claim that was made and released again in between shows in `closed`."""
    return task and (task.state, task.due_ms, task.ended_ms, task.fence, task.closed)


async def _move(rig: Rig, verb: int, number: int) -> None:
    tasks = sorted(await everyone(rig), key=lambda task: task.id)
    chosen = tasks[number % len(tasks)]
    if verb == 0:
        await rig.queue.claim(rig.nonce(), "h2", LONG_MS, [(f"{AGENTS[number % 3]}@p0", 1 + number % 3)])
    elif verb == 1:
        await rig.queue.cancel([chosen.id])
    elif verb == 2:
        await rig.queue.revive([chosen.id])
    elif verb == 3:
        await rig.queue.purge([chosen.id])
    elif verb == 4 and chosen.state is TaskState.DELAYED:
        await rig.delay_ends(chosen.id)
        await rig.queue.promote()
    elif verb == 5 and chosen.state is TaskState.LEASED:
        await rig.lease_ends(chosen.id)
        await rig.queue.reap(CrashPolicy())
    elif verb == 6 and chosen.waits_for_answer:
        await rig.queue.answer(chosen.id, "q1", Approval.APPROVE, who="ann")
    elif verb == 7:
        await rig.one(run=rig.new_run(agent=AGENTS[number % 3]))
    await rig.settle_children()


# -- cursors ---------------------------------------------------------------------------------------------------------


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


ID = "0" * ID_LENGTH
MALFORMED = {
    "not base 64": "?!",
    "beyond ASCII": "é",
    "a lone surrogate": "\ud800",
    "too short": "A",
    "spaces": "  ",
    "signs between": "!".join(_encoded(f'[0, "", 0, "{ID}"]')),
    "no JSON": _encoded("nothing"),
    "not UTF-8": "_____w",
    "another shape": _encoded('{"id": 1}'),
    "too few": _encoded('[0, "", 0]'),
    "too many": _encoded(f'[0, "", 0, "{ID}", 0]'),
    "nested": _encoded("[" * 100_000),
    "nested behind": _encoded(f'[0, "", 0, "{ID}", ' + "[" * 100_000),
    "another section": _encoded(f'[5, "", 0, "{ID}"]'),
    "a section that is text": _encoded(f'["0", "", 0, "{ID}"]'),
    "no number": _encoded(f'[4, "", NaN, "{ID}"]'),
    "an endless number": _encoded(f'[4, "", 1e999, "{ID}"]'),
    "no id": _encoded('[4, "", 0, "x"]'),
    "an id with a surrogate": _encoded(f'[4, "", 0, "\\\\ud800{ID[1:]}"]'),
}


@pytest.mark.parametrize("cursor", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_cursor_is_refused(rig: Rig, cursor: str) -> None:
    """With words that say what to do, whatever it is made of."""
    with pytest.raises(InputError, match="begin again without one") as refused:
        await list_page(rig.queue, Sought(), after=cursor)
    assert refused.value.field == "cursor"
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    "cursor",
    [f'[1, "nobody@p0", 5.5, "{ID}"]', f'[0, "x", -1, "{ID}"]', f'[4, "", 1e300, "{ID}"]', f'[2, "", -1e300, "{ID}"]'],
)
async def test_a_place_where_nothing_stood_is_a_place(rig: Rig, cursor: str) -> None:
    """Whoever makes one up gets what stands behind it."""
    await make(rig, [Wanted(state=state) for state in ("delayed", "done")])
    page = await list_page(rig.queue, Sought(), after=_encoded(cursor))
    assert page.next == ""
    assert page.tasks


async def test_a_cursor_outlives_its_filter(rig: Rig) -> None:
    """With another filter the list goes on behind the same place."""
    ids = await make(rig, [Wanted(state=state) for state in ("leased", "ready", "delayed", "done")])
    first = await list_page(rig.queue, Sought(states=frozenset({TaskState.READY})), most=1)
    page = await list_page(rig.queue, Sought(agent="ann"), after=first.next)
    assert [task.id for task in page.tasks] == ids[2:]


# -- the face --------------------------------------------------------------------------------------------------------


async def test_a_client_gives_pages(rig: Rig) -> None:
    """`Client.page` is the same list."""
    ids = await rig.submit(3)
    settings = Settings()
    facts = Facts(server="valkey", version="9", pid=0, mode="", role="", max_bytes=0, policy="", config=None)
    engine = EngineHandle(settings, rig.engine.address, "external", facts, adopted=True, started_in_s=0)
    client = Client(settings, engine, rig.connection, rig.keys)
    first = await client.page(Sought(agent="null"), most=2)
    rest = await client.page(Sought(agent="null"), after=first.next)
    assert [task.id for task in (*first.tasks, *rest.tasks)] == ids
