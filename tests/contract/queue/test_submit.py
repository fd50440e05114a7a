"""Accepting tasks: once each, all or none, in order."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.queue.rig import LANE, Rig, changed, held

from ezaigents.errors import InputError, KeyConflict, QueueFull
from ezaigents.records import OnParentFailure, TaskKind


async def test_one_task_is_stored_as_it_was_handed_in(rig: Rig) -> None:
    """What was submitted is what is read back, and the run holds the prompt once."""
    run = rig.new_run(prompt="a prompt", summary_task="x")
    spec = rig.spec(run, title="src/a.py", payload='{"a":1}', priority=2, max_attempts=7, kind=TaskKind.EDIT)
    assert await rig.queue.submit([spec], run=run) == {spec.id: spec.id}
    task = await rig.task(spec.id)
    assert (task.state, task.run, task.agent, task.place) == ("ready", run.id, "null", "p0")
    assert (task.title, task.payload, task.priority, task.max_attempts) == ("src/a.py", '{"a":1}', 2, 7)
    assert (task.kind, task.seq) == (TaskKind.EDIT, 1)
    stored = await rig.queue.run(run.id)
    assert stored is not None
    assert (stored.prompt, stored.summary_task, stored.counts.total, stored.counts.open) == ("a prompt", "x", 1, 1)
    assert stored.accepted_ms == task.accepted_ms
    assert await rig.counts() == {"accepted": 1, "ready": 1}
    assert (await rig.sweep()).lanes == (LANE,)


async def test_text_of_every_kind_survives(rig: Rig) -> None:
    """Non-ASCII, newlines, NUL and backslashes come back unchanged, in titles, payloads, prompts, keys and results."""
    text = 'né\n\0\t"\\ 漢字 \U0001f600 {ez:t}:n'
    run = rig.new_run(prompt=text)
    spec = rig.spec(run, title=text, payload=text, key=text)
    await rig.queue.submit([spec], run=run)
    claim = (await rig.claim())[0]
    assert (claim.title, claim.payload) == (text, text)
    await rig.finish(held(claim), summary=text)
    task = await rig.task(spec.id)
    assert (task.title, task.key, task.summary) == (text, text, text)
    stored = await rig.queue.run(run.id)
    assert stored is not None
    assert stored.prompt == text


async def test_the_same_id_is_accepted_once(rig: Rig) -> None:
    """A repeated submit, and one id twice in a call, make one task."""
    run = rig.new_run()
    spec = rig.spec(run)
    for batch in ([spec, spec], [spec]):
        assert await rig.queue.submit(batch, run=run) == {spec.id: spec.id}
    assert await rig.counts() == {"accepted": 1, "ready": 1}


async def test_an_id_of_another_run_is_refused(rig: Rig) -> None:
    """An id that is taken by another run's task is a conflict, never that task's replacement."""
    first = await rig.one()
    run = rig.new_run()
    with pytest.raises(KeyConflict) as refusal:
        await rig.queue.submit([rig.spec(run, id=first)], run=run)
    assert refusal.value.task_id == first
    assert await rig.queue.run(run.id) is None


async def test_a_key_replayed_a_hundred_times_at_once_makes_one_task(rig: Rig) -> None:
    """100 parallel submits with one key and one body answer with the same id, and there is one task."""

    async def replay() -> str:
        run = rig.new_run()
        spec = rig.spec(run, key="order-7", title="t")
        return (await rig.queue.submit([spec], run=run))[spec.id]

    ids = await asyncio.gather(*[replay() for _ in range(100)])
    assert len(set(ids)) == 1
    assert await rig.counts() == {"accepted": 1, "ready": 1}


@pytest.mark.parametrize(
    "other",
    [{"title": "other"}, {"payload": "other"}, {"priority": 1}, {"agent": "local"}, {"max_attempts": 1}],
    ids=lambda other: next(iter(other)),
)
async def test_a_key_with_another_body_is_a_conflict(rig: Rig, other: dict[str, object]) -> None:
    """The same key with another body is refused with the first task's id, and nothing is written."""
    run = rig.new_run()
    spec = rig.spec(run, key="k")
    await rig.queue.submit([spec], run=run)
    again = rig.new_run()
    with pytest.raises(KeyConflict) as refusal:
        innocent = rig.spec(again)
        replay = changed(spec, id=rig.make_id(), run=again.id, **other)
        await rig.queue.submit([innocent, replay], run=again)
    assert (refusal.value.key, refusal.value.task_id) == ("k", spec.id)
    assert await rig.counts() == {"accepted": 1, "ready": 1}


async def test_a_key_with_another_prompt_is_a_conflict(rig: Rig) -> None:
    """The prompt is part of what a key stands for."""
    await rig.submit(run=rig.new_run(prompt="count"), key="k")
    with pytest.raises(KeyConflict):
        await rig.submit(run=rig.new_run(prompt="delete"), key="k")


async def test_one_key_twice_in_a_batch_makes_one_task(rig: Rig) -> None:
    """The second task of a batch with the key of the first is the first; with another body the batch is refused."""
    run = rig.new_run()
    first, second = (rig.spec(run, key="k") for _ in range(2))
    with pytest.raises(KeyConflict):
        await rig.queue.submit([first, changed(second, title="other")], run=run)
    known = await rig.queue.submit([first, second], run=run)
    assert known == {first.id: first.id, second.id: first.id}
    assert await rig.counts() == {"accepted": 1, "ready": 1}


async def test_a_run_replayed_with_its_keys_is_the_first_run(rig: Rig) -> None:
    """Children whose parents are known under other ids are recognised too, in one batch as over many."""
    for count in (3, 150):
        answers = []
        for _ in range(2):
            run = rig.new_run()
            files = [rig.spec(run, key=f"{count}#{number}") for number in range(count)]
            ids = tuple(spec.id for spec in files)
            summary = rig.spec(run, key=f"{count}#sum", parents=ids, on_parent_failure=OnParentFailure.RUN)
            known = await rig.queue.submit([*files, summary], run=run)
            answers.append([known[spec.id] for spec in (*files, summary)])
        assert answers[0] == answers[1]
        assert await rig.queue.run(run.id) is None
    assert (await rig.counts())["accepted"] == 155


async def test_a_new_child_of_a_replayed_parent_waits_for_the_first_one(rig: Rig) -> None:
    """A parent submitted again under a new id stands for the task it was the first time."""
    run = rig.new_run()
    parent = rig.spec(run, key="p")
    await rig.queue.submit([parent], run=run)
    again = changed(parent, id=rig.make_id())
    child = rig.spec(run, parents=(again.id, parent.id))
    await rig.queue.submit([again, child], run=run)
    assert (await rig.task(child.id)).parents == (parent.id,)
    await rig.finish(await rig.hold(parent.id))
    assert await rig.state(child.id) == "ready"


async def test_the_queue_says_full_and_writes_nothing(rig: Rig) -> None:
    """Admission counts open tasks; a batch that does not fit is refused whole, a replay is not."""
    run = rig.new_run()
    specs = [rig.spec(run) for _ in range(3)]
    await rig.queue.submit(specs, run=run, max_open=3)
    before = await rig.counts()
    with pytest.raises(QueueFull) as refusal:
        await rig.submit_with_limit(2, 4)
    assert (refusal.value.open_tasks, refusal.value.limit, refusal.value.exit_code) == (3, 4, 4)
    assert await rig.queue.submit(specs, run=run, max_open=1)
    assert await rig.counts() == before
    await rig.finish(await rig.hold(specs[0].id))
    await rig.submit_with_limit(2, 4)


async def test_ten_thousand_tasks_of_one_moment_drain_in_order(rig: Rig) -> None:
    """Order is priority, then acceptance by `seq`: equal times, and ids that sort otherwise, change nothing."""
    run = rig.new_run()
    specs = [rig.spec(run, priority=number % 10) for number in range(10_000)]
    specs[::2], specs[1::2] = specs[1::2], specs[::2]
    await rig.queue.submit(specs, run=run)
    moment = await rig.engine_ms()
    await rig.queue.read_many([("HSET", rig.keys.task(spec.id), "at", moment) for spec in specs])
    expected = [spec.id for spec in sorted(specs, key=lambda spec: spec.priority)]
    drained: list[str] = []
    while claims := await rig.claim(256):
        drained += [claim.id for claim in claims]
    assert drained == expected


async def test_one_batch_is_one_moment(rig: Rig) -> None:
    """Tasks of one call share their millisecond, and still have an order of their own."""
    ids = await rig.submit(100)
    tasks = await rig.queue.tasks(ids)
    assert len({task.accepted_ms for task in tasks}) == 1
    assert [task.seq for task in tasks] == list(range(1, 101))
    assert [claim.id for claim in await rig.claim(100)] == ids


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", 10), ("priority", -1), ("priority", float("nan")), ("priority", True),
        ("delay_ms", -1), ("delay_ms", 2**53 + 1), ("deadline_ms", 253_402_300_800_000), ("deadline_ms", 1.5),
        ("max_attempts", 0), ("max_attempts", 10**9), ("payload", "x" * 1025), ("payload", "é" * 513),
        ("title", "x" * 1025), ("title", "\udcff"), ("key", "k" * 513),
        ("agent", "a@b"), ("agent", ""), ("place", "p!"), ("place", "p 0"), ("id", "short"), ("run", "other"),
    ],
    ids=lambda value: str(value)[:12],
)  # fmt: skip
async def test_what_cannot_be_kept_exactly_is_refused(rig: Rig, field: str, value: object) -> None:
    """A number out of range or text over its limit is refused by field, before anything is written."""
    run = rig.new_run()
    with pytest.raises(InputError) as refusal:
        await rig.queue.submit([rig.spec(run), rig.spec(run, **{field: value})], run=run)
    assert refusal.value.field == field
    assert await rig.counts() == {}


async def test_limits_themselves_are_allowed(rig: Rig) -> None:
    """1,024 bytes of payload, the last priority and the end of the year 9999 are kept."""
    latest = 253_402_300_799_999
    task_id = await rig.one(payload="x" * 1024, title="é" * 512, priority=9, deadline_ms=latest, max_attempts=1000)
    task = await rig.task(task_id)
    assert (len(task.payload), task.deadline_ms, task.max_attempts) == (1024, latest, 1000)
    assert (await rig.claim())[0].deadline_ms == latest


@pytest.mark.parametrize("fields", [{"delay_ms": 5000}, {"deadline_ms": 9_000_000_000_000}], ids=["delay", "deadline"])
async def test_what_is_due_at_a_time_is_hinted(rig: Rig, fields: dict[str, int]) -> None:
    """Hosts are told to look when a delay or a deadline comes in, since their timers are set for what they know."""
    async with rig.listening(rig.keys.wake("")) as heard:
        await rig.one(**fields)
        await rig.one()
    assert heard == [""]


async def test_delay_and_deadline_are_kept_and_due(rig: Rig) -> None:
    """A delayed task is not claimed before its time, and the sweep knows when to look."""
    task_id = await rig.one(delay_ms=50_000)
    task = await rig.task(task_id)
    assert (task.state, task.due_ms) == ("delayed", task.accepted_ms + 50_000)
    assert await rig.claim() == []
    assert not await rig.queue.promote()
    assert (await rig.sweep()).next_due_ms == task.due_ms
    await rig.delay_ends(task_id)
    await rig.queue.promote()
    assert [claim.id for claim in await rig.claim()] == [task_id]


# -- several runs in one call ----------------------------------------------------------------------------------------


async def test_several_runs_are_accepted_in_one_call(rig: Rig) -> None:
    """Each run keeps its own prompt, count and tasks, and tasks are given out in the order of the runs."""
    runs = [rig.new_run(prompt=f"prompt {number}") for number in range(3)]
    specs = [[rig.spec(run) for _ in range(number + 1)] for number, run in enumerate(runs)]
    known = await rig.queue.submit_runs(list(zip(runs, specs, strict=True)))
    ids = [spec.id for of_run in specs for spec in of_run]
    assert known == {one: one for one in ids}
    for run, of_run in zip(runs, specs, strict=True):
        stored = await rig.queue.run(run.id)
        assert stored is not None
        assert (stored.prompt, stored.counts.total, stored.counts.open) == (run.prompt, len(of_run), len(of_run))
        assert {(await rig.task(spec.id)).run for spec in of_run} == {run.id}
    assert [claim.id for claim in await rig.claim(10)] == ids


@pytest.mark.parametrize("max_open", [2, 3])
async def test_of_several_runs_all_are_accepted_or_none(rig: Rig, max_open: int) -> None:
    """Runs that do not all fit are refused whole: no task, no run and no event is left of the first ones."""
    runs = [rig.new_run() for _ in range(3)]
    handed = [(run, [rig.spec(run)]) for run in runs]
    if max_open == len(runs):
        await rig.queue.submit_runs(handed, max_open=max_open)
        return
    with pytest.raises(QueueFull):
        await rig.queue.submit_runs(handed, max_open=max_open)
    assert await rig.counts() == {}
    assert [await rig.queue.run(run.id) for run in runs] == [None] * 3
    assert await rig.raw("XLEN", rig.keys.events()) == 0


async def test_a_conflict_in_one_run_refuses_all(rig: Rig) -> None:
    """A key that was used with another body in an earlier run of the call, or before it, leaves nothing written."""
    for before in (True, False):
        first, other = rig.new_run(), rig.new_run(prompt="another")
        handed = [(run, [rig.spec(run, key=f"k{before}")]) for run in (first, other)]
        if before:
            await rig.queue.submit_runs(handed[:1])
        counted = await rig.counts()
        with pytest.raises(KeyConflict) as refusal:
            await rig.queue.submit_runs(handed[1:] if before else handed)
        assert refusal.value.task_id == handed[0][1][0].id
        assert await rig.counts() == counted
        assert await rig.queue.run(other.id) is None


async def test_one_key_in_two_runs_of_a_call_is_the_first_run(rig: Rig) -> None:
    """The second run of a call with the key and body of the first leaves no run behind."""
    runs = [rig.new_run(), rig.new_run()]
    first, second = (rig.spec(run, key="k") for run in runs)
    known = await rig.queue.submit_runs([(runs[0], [first]), (runs[1], [second])])
    assert known == {first.id: first.id, second.id: first.id}
    assert await rig.counts() == {"accepted": 1, "ready": 1}
    assert await rig.queue.run(runs[1].id) is None


async def test_one_id_in_two_runs_of_a_call_is_refused(rig: Rig) -> None:
    """An id belongs to one run, also within one call."""
    runs = [rig.new_run(), rig.new_run()]
    spec = rig.spec(runs[0])
    with pytest.raises(KeyConflict):
        await rig.queue.submit_runs([(runs[0], [spec]), (runs[1], [changed(spec, run=runs[1].id)])])
    assert await rig.counts() == {}


async def test_runs_with_more_than_a_batch_of_tasks_are_whole(rig: Rig) -> None:
    """A run that is cut at the hundredth task keeps its parents and its count."""
    runs = [rig.new_run(), rig.new_run()]
    handed = []
    for run in runs:
        parts = [rig.spec(run) for _ in range(80)]
        parents = tuple(spec.id for spec in parts)
        handed.append((run, [*parts, rig.spec(run, parents=parents, on_parent_failure=OnParentFailure.RUN)]))
    await rig.queue.submit_runs(handed)
    assert await rig.counts() == {"accepted": 162, "ready": 160, "blocked": 2}
    for run, specs in handed:
        stored = await rig.queue.run(run.id)
        assert stored is not None
        assert stored.counts.total == 81
        assert (await rig.task(specs[-1].id)).open_parents == 80
