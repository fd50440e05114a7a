"""The list of tasks: its order, each filter, its pages."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.client.crowd import AGENTS, ASKING, Wanted, everyone, in_order, is_sought, listed, make, pages
from tests.contract.queue.rig import LANE, LONG_MS, Rig, held
from tests.contract.queue.scene import everything
from tests.engines import Engine

from ezaigents.client import Sought, list_page
from ezaigents.client.listing import LOOK_MOST
from ezaigents.errors import InputError
from ezaigents.records import PatchState, TaskKind, TaskState

EACH_STATE = ("leased", "ready", "delayed", ASKING, "blocked", "done", "dead", "cancelled", "skipped")
words = st.sampled_from(["", "Äpfel", "apfelmus", "STRASSE", "straße", "pear"])
crowds = st.lists(
    st.builds(
        Wanted,
        state=st.sampled_from(EACH_STATE),
        agent=st.sampled_from(AGENTS),
        priority=st.sampled_from([0, 5, 9]),
        kind=st.sampled_from([TaskKind.ANALYZE, TaskKind.EDIT]),
        title=words,
        note=words,
        patch=st.booleans(),
        delay_ms=st.sampled_from([LONG_MS, 2 * LONG_MS]),
    ),
    max_size=25,
)
soughts = st.builds(
    Sought,
    states=st.just(frozenset()) | st.frozensets(st.sampled_from(TaskState)),
    agent=st.sampled_from(["", "", "ann", "bob", "nobody"]),
    kind=st.sampled_from([None, None, TaskKind.ANALYZE, TaskKind.EDIT]),
    text=st.sampled_from(["", "", "ÄPFEL", "apfel", "strasse", "e", "nowhere"]),
    asks=st.sampled_from([False, False, False, True]),
    patch=st.sampled_from([None, None, None, PatchState.NONE, PatchState.PROPOSED]),
)


async def _ids(rig: Rig, sought: Sought) -> set[str]:
    found = await listed(rig.queue, sought)
    assert len(found) == len(set(found))
    return set(found)


# -- order -----------------------------------------------------------------------------------------------------------


async def test_an_empty_queue_has_an_empty_page(rig: Rig) -> None:
    """Nothing to show, and nothing to go on with."""
    page = await list_page(rig.queue, Sought())
    assert (page.tasks, page.next, page.looked_at, page.stopped_early) == ((), "", 0, False)


async def test_what_runs_comes_first_and_what_ended_long_ago_last(rig: Rig) -> None:
    """Running, ready in the order of the queue, delayed by due time, blocked, then ended with the newest first."""
    first_done = await rig.one()
    await rig.finish(await rig.hold(first_done))
    dead = await rig.one()
    await rig.queue.fail([(await rig.hold(dead), "e")])
    last_done = await rig.one()
    await rig.finish(await rig.hold(last_done))
    leased = sorted(await rig.submit(2))
    await rig.claim(2)
    later, sooner = await rig.one(delay_ms=2 * LONG_MS), await rig.one(delay_ms=LONG_MS)
    blocked = [await rig.one(parents=(later,)) for _ in range(2)]
    normal, urgent = await rig.one(), await rig.one(priority=0)
    other = await rig.one(run=rig.new_run(agent="a"))
    expected = [*leased, other, urgent, normal, sooner, later, *blocked, last_done, dead, first_done]
    assert await listed(rig.queue) == expected
    assert await listed(rig.queue, most=1) == expected


async def test_a_running_task_keeps_its_place_when_its_claim_is_renewed(rig: Rig) -> None:
    """Its lease ends later then, and what is shown before and after it does not change."""
    ids = await rig.submit(6)
    proofs = {claim.id: held(claim) for claim in await rig.claim(6)}
    found, after = [], ""
    for n in (1, 3, 0):
        await rig.queue.renew((n + 2) * LONG_MS, [proofs[ids[n]]])
        page = await list_page(rig.queue, Sought(), most=2, after=after)
        found += [task.id for task in page.tasks]
        after = page.next
    assert (found, after) == (sorted(ids), "")


async def test_suspects_stand_behind_the_lane_they_came_from(rig: Rig) -> None:
    """The quarantine lane is a lane of the same agent, and found by its name."""
    suspect = await rig.one()
    for _ in range(2):
        await rig.hold(suspect)
        await rig.crash(suspect)
    plain = await rig.one()
    other = await rig.one(run=rig.new_run(agent="nulls"))
    assert await listed(rig.queue) == [plain, suspect, other]
    assert await listed(rig.queue, Sought(agent="null")) == [plain, suspect]
    await rig.hold(suspect, lane=LANE + "!")
    assert await listed(rig.queue, Sought(agent="null"), most=1) == [suspect, plain]


# -- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(TaskState))
async def test_one_state_can_be_shown_alone(rig: Rig, state: TaskState) -> None:
    """The list of one state holds every task in it and no other; only an index of several states is looked through."""
    await everything(rig)
    tasks = await everyone(rig)
    expected = {task.id for task in tasks if task.state is state}
    assert expected
    page = await list_page(rig.queue, Sought(states=frozenset({state})))
    assert {task.id for task in page.tasks} == expected
    together = {TaskState.DONE, TaskState.CANCELLED, TaskState.SKIPPED}
    in_its_index = sum(task.state in together if state in together else task.state is state for task in tasks)
    assert (page.looked_at, page.next) == (in_its_index, "")


async def test_several_states_can_be_shown(rig: Rig) -> None:
    """A task in any of them is shown."""
    named = await everything(rig)
    states = frozenset({TaskState.CANCELLED, TaskState.DEAD, TaskState.BLOCKED})
    assert {named["cancelled"], named["dead"], named["blocked"]} <= await _ids(rig, Sought(states=states))
    assert not {named["done"], named["skipped"], named["ready"]} & await _ids(rig, Sought(states=states))


async def test_one_agents_tasks_can_be_shown(rig: Rig) -> None:
    """In every state, and not those of an agent whose name begins like its own."""
    wanted = [Wanted(state=state, agent=agent) for state in EACH_STATE for agent in ("ann", "anna")]
    ids = await make(rig, wanted)
    assert await _ids(rig, Sought(agent="ann")) == set(ids[::2])
    assert await _ids(rig, Sought(agent="nobody")) == set()
    ready = await list_page(rig.queue, Sought(agent="ann", states=frozenset({TaskState.READY})))
    assert ready.looked_at == 1


async def test_kinds_can_be_told_apart(rig: Rig) -> None:
    """Also the kind that is not stored because it is the default."""
    kinds = [TaskKind.ANALYZE, TaskKind.EDIT, TaskKind.REVIEW]
    ids = await make(rig, [Wanted(state=state, kind=kind) for kind in kinds for state in EACH_STATE])
    count = len(EACH_STATE)
    assert await _ids(rig, Sought(kind=TaskKind.EDIT)) == set(ids[count : 2 * count])
    assert await _ids(rig, Sought(kind=TaskKind.ANALYZE, agent="ann")) == set(ids[:count])


async def test_text_is_found_wherever_it_stands(rig: Rig) -> None:
    """In title, summary, error and id, as a part of them, in whatever case, also beyond ASCII."""
    wanted = [
        Wanted(state="ready", title="src/Grüße.py"),
        Wanted(state="done", note="says grüsse, and more"),
        Wanted(state="dead", note="GRÜSSE expected"),
        Wanted(state="done", title="src/other.py", note="fine"),
    ]
    *greeting, other = await make(rig, wanted)
    assert await _ids(rig, Sought(text="GRÜSSE")) == set(greeting)
    assert await _ids(rig, Sought(text=other.upper())) == {other}
    assert await _ids(rig, Sought(text="fine\nsrc")) == set()


async def test_questions_can_be_shown_alone(rig: Rig) -> None:
    """Only what waits for a person: not what is delayed otherwise, nor what ended with its question open."""
    asking, ended, _ = await make(rig, [Wanted(state=ASKING), Wanted(state=ASKING), Wanted(state="delayed")])
    await rig.queue.cancel([ended])
    assert await _ids(rig, Sought(asks=True)) == {asking}
    assert await _ids(rig, Sought(asks=True, states=frozenset({TaskState.DONE}))) == set()


async def test_patches_can_be_shown_by_where_they_stand(rig: Rig) -> None:
    """Also none, which is not stored."""
    named = await everything(rig)
    proposed, plain = await make(rig, [Wanted(state="done", patch=True), Wanted(state="done")])
    assert await _ids(rig, Sought(patch=PatchState.CONFLICT)) == {named["done"]}
    assert await _ids(rig, Sought(patch=PatchState.PROPOSED)) == {proposed}
    assert plain in await _ids(rig, Sought(patch=PatchState.NONE))
    assert not {named["done"], proposed} & await _ids(rig, Sought(patch=PatchState.NONE))


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 7, 26, 27])
async def test_small_pages_show_what_one_big_page_shows(rig: Rig, most: int) -> None:
    """In the same order; pages are full but for the last, which says that it is."""
    await make(rig, [Wanted(state=state, agent=agent) for state in EACH_STATE for agent in AGENTS])
    (whole,) = await pages(rig.queue, Sought(), 1000)
    found = await pages(rig.queue, Sought(), most)
    assert [task for page in found for task in page.tasks] == list(whole.tasks)
    assert {len(page.tasks) for page in found[:-1]} <= {most}
    assert 0 < len(found[-1].tasks) <= most
    assert not any(page.stopped_early for page in found)


async def test_many_lanes_are_one_list(rig: Rig) -> None:
    """More lanes than are looked at in one go, of different lengths."""
    run = rig.new_run()
    specs = [rig.spec(run, agent=f"a{n % 230:03}") for n in range(400)]
    await rig.queue.submit(specs, run=run)
    expected = [spec.id for spec in sorted(specs, key=lambda spec: spec.agent)]
    for most in (7, 50, 1000):
        assert await listed(rig.queue, most=most) == expected


@pytest.mark.parametrize("most", [0, -1, 1001])
async def test_a_page_has_a_size(rig: Rig, most: int) -> None:
    """None, or more than can be read at once, is refused."""
    with pytest.raises(InputError, match="most: must be a whole number from 1 to 1000"):
        await list_page(rig.queue, Sought(), most=most)


async def test_a_search_stops_when_it_has_looked_at_enough(rig: Rig) -> None:
    """It says so, and goes on from there until it has found what there is."""
    run = rig.new_run()
    specs = [rig.spec(run, agent=f"a{n % 3}") for n in range(LOOK_MOST + 300)]
    await rig.queue.submit(specs, run=run)
    last = await rig.one(run=run, title="needle")
    sought = Sought(text="needle")
    first = await list_page(rig.queue, sought)
    assert (first.tasks, first.looked_at, first.stopped_early) == ((), LOOK_MOST, True)
    rest = await list_page(rig.queue, sought, after=first.next)
    assert [task.id for task in rest.tasks] == [last]
    assert (rest.looked_at, rest.next, rest.stopped_early) == (301, "", False)
    assert await listed(rig.queue, sought) == [last]


async def test_the_last_of_a_search_that_stopped_may_be_the_end(rig: Rig) -> None:
    """Exactly as many tasks as are looked at for one page: nothing follows."""
    await rig.submit(LOOK_MOST)
    page = await list_page(rig.queue, Sought(text="needle"))
    assert (page.tasks, page.next, page.looked_at, page.stopped_early) == ((), "", LOOK_MOST, False)


def test_any_list_is_as_plain_python_says(engine: Engine) -> None:
    """Whatever tasks there are and whatever is sought: the pages are the sorted and filtered records."""

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(wanted=crowds, sought=soughts, most=st.sampled_from([1, 2, 7, 1000]))
    def check(wanted: list[Wanted], sought: Sought, most: int) -> None:
        asyncio.run(_as_plain_python_says(engine, wanted, sought, most))

    check()


async def _as_plain_python_says(engine: Engine, wanted: list[Wanted], sought: Sought, most: int) -> None:
    async with Rig(engine) as rig:
        await make(rig, wanted)
        expected = [task for task in in_order(await everyone(rig)) if is_sought(sought, task)]
        found = await pages(rig.queue, sought, most)
        assert [task for page in found for task in page.tasks] == expected
        assert all(len(page.tasks) == most for page in found[:-1])


# -- cursors ---------------------------------------------------------------------------------------------------------


async def test_cursors_may_stand_in_an_address(rig: Rig) -> None:
    """Whatever the section and the lane, they need no escaping."""
    await make(rig, [Wanted(state=state) for state in EACH_STATE])
    await rig.submit(3, run=rig.new_run(agent="große>>>???"))
    cursors = [page.next for page in await pages(rig.queue, Sought(), 1)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", cursor) for cursor in cursors[:-1])
    assert len(set(cursors)) == len(cursors)
