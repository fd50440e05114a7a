"""The radar: who is at the same files, of those that still run, and nobody else."""

from __future__ import annotations

import logging

import pytest
from tests.contract.team.lease_rig import PLACE, LeaseRig
from tests.engines import Engine

from ezaigents.errors import InputError
from ezaigents.queue import Held
from ezaigents.team.lease_records import Holder
from ezaigents.team.radar import PATHS_MOST, Overlap

_WORDS = {"means": "means to change", "reads": "has read", "writes": "has changed"}


@pytest.fixture
def rig(engine: Engine) -> LeaseRig:
    return LeaseRig(engine)


async def _touch(rig: LeaseRig, task: Holder, place: str = PLACE, **how: list[str]) -> list[Overlap]:
    return await rig.radar.touch(task.task, task.fence, "null", place, **how)


@pytest.mark.parametrize("theirs", _WORDS)
@pytest.mark.parametrize("ours", _WORDS)
async def test_two_at_one_file_are_told_when_one_of_them_changes_it(rig: LeaseRig, theirs: str, ours: str) -> None:
    """Every pair of meaning to change, having read and having changed is an overlap, but for two that only read."""
    other, me = await rig.holders(2)
    assert await _touch(rig, other, PLACE, **{theirs: ["a/b.py", "theirs"]}) == []
    found = await _touch(rig, me, PLACE, **{ours: ["a/b.py", "ours"]})
    expected = Overlap("a/b.py", other.task, "null", _WORDS[theirs], _WORDS[ours])
    assert found == ([] if theirs == ours == "reads" else [expected])


async def test_both_sides_are_told_whoever_came_first(rig: LeaseRig) -> None:
    """A touch tells of all its task's files, so what others do to them later is not missed."""
    first, second = await rig.holders(2)
    assert await _touch(rig, first, reads=["a"]) == []
    assert await _touch(rig, second, writes=["a"]) == [Overlap("a", first.task, "null", "has read", "has changed")]
    assert await _touch(rig, first, reads=["b"]) == [Overlap("a", second.task, "null", "has changed", "has read")]


async def test_the_strongest_word_is_kept(rig: LeaseRig) -> None:
    """Reading a file after changing it, or meaning to, does not make less of it; in one call or in many."""
    me = await rig.holder()
    await _touch(rig, me, means=["i", "both"], reads=["r", "i", "w"], writes=["w", "both"])
    await _touch(rig, me, means=["w", "r"], reads=["i", "w", "both"])
    (said,) = (await rig.radar.files([me.task])).values()
    assert (said.means, said.reads, said.writes) == (("i", "r"), (), ("both", "w"))
    assert (said.agent, said.place, said.fence, said.full) == ("null", PLACE, me.fence, False)


async def test_a_repeated_touch_says_the_same(rig: LeaseRig) -> None:
    """Nothing is added by saying it again."""
    other, me = await rig.holders(2)
    await _touch(rig, other, writes=["a"])
    found = await _touch(rig, me, means=["a"])
    before = (await rig.radar.files([me.task]))[me.task]
    assert await _touch(rig, me, means=["a"]) == found
    after = (await rig.radar.files([me.task]))[me.task]
    assert after.means == before.means


@pytest.mark.parametrize("way", ["ended", "reaped", "claimed again", "left"])
async def test_who_is_gone_is_not_seen(rig: LeaseRig, way: str) -> None:
    """A task counts while it is leased under the fence it spoke with, and until it leaves."""
    other = await rig.holder()
    await _touch(rig, other, writes=["a"])
    if way == "ended":
        await rig.task_ends(other)
    elif way == "left":
        await rig.radar.leave(other.task, other.fence)
    else:
        await rig.crash(other.task)
    if way == "claimed again":
        assert [claim.id for claim in await rig.claim()] == [other.task]
    me = (await rig.holders(2))[1] if way == "reaped" else await rig.holder()
    assert await _touch(rig, me, writes=["a"]) == []
    assert await rig.radar.look(PLACE, ["a"]) == [Overlap("a", me.task, "null", "has changed", "means to change")]


async def test_a_claim_that_is_over_says_nothing(rig: LeaseRig) -> None:
    """The former attempt neither adds to what the new one said nor takes it away, and is told of nobody."""
    old = await rig.holder()
    await _touch(rig, old, writes=["old"])
    await rig.crash(old.task)
    (claim,) = await rig.claim()
    new = Holder(PLACE, claim.id, claim.fence)
    await _touch(rig, new, reads=["new"])
    await _touch(rig, await rig.holder(), writes=["new"])
    assert await _touch(rig, old, writes=["new", "more"]) == []
    assert not await rig.radar.progress(old.task, old.fence)
    await rig.radar.leave(old.task, old.fence)
    said = (await rig.radar.files([new.task]))[new.task]
    assert (said.fence, said.reads, said.writes) == (new.fence, ("new",), ())


async def test_other_places_are_none_of_ours(rig: LeaseRig) -> None:
    """The same path in another workspace is another file."""
    other, me = await rig.holders(2)
    await _touch(rig, other, "p9", writes=["a"])
    assert await _touch(rig, me, writes=["a"]) == []
    assert await rig.radar.look(PLACE, ["a"]) == [Overlap("a", me.task, "null", "has changed", "means to change")]


async def test_a_submitter_may_look_and_leaves_nothing(rig: LeaseRig) -> None:
    """Before a task is submitted it is known who is at its files, also who only reads them."""
    reader, writer = await rig.holders(2)
    await _touch(rig, reader, reads=["a", "b"])
    await _touch(rig, writer, means=["b"], writes=["c"])
    keys = await rig.raw("DBSIZE")
    found = await rig.radar.look(PLACE, ["a", "b", "c", "d"])
    assert {(o.path, o.task, o.theirs) for o in found} == {
        ("a", reader.task, "has read"), ("b", reader.task, "has read"),
        ("b", writer.task, "means to change"), ("c", writer.task, "has changed"),
    }  # fmt: skip
    assert {o.ours for o in found} == {"means to change"}
    assert await rig.radar.look(PLACE, []) == []
    assert await rig.raw("DBSIZE") == keys


async def test_progress_moves_and_files_stay(rig: LeaseRig) -> None:
    """A sign of progress is the time of the last word, and changes nothing else."""
    first, second = await rig.holders(2)
    await _touch(rig, first, writes=["a"])
    await rig.raw("HSET", rig.keys.touched(first.task), "/progress", 5)
    now_ms = await rig.engine_ms()
    assert await rig.radar.progress(first.task, first.fence)
    said = await rig.radar.files([first.task, second.task, rig.make_id()])
    assert list(said) == [first.task]
    assert said[first.task].progress_ms >= now_ms
    assert (said[first.task].writes, said[first.task].place) == (("a",), PLACE)
    await _touch(rig, second, writes=["a"])
    assert await _touch(rig, first) != []


async def test_progress_of_who_is_not_known_writes_nothing(rig: LeaseRig) -> None:
    """Nothing said, said by an earlier attempt, or forgotten: it is told so, and may say its files again."""
    me = await rig.holder()
    assert not await rig.radar.progress(me.task, me.fence)
    await _touch(rig, me, writes=["a"])
    await rig.crash(me.task)
    (claim,) = await rig.claim()
    assert not await rig.radar.progress(claim.id, claim.fence)
    assert (await rig.radar.files([me.task]))[me.task].fence == me.fence
    await rig.raw("DEL", rig.keys.touched(me.task))
    assert not await rig.radar.progress(claim.id, claim.fence)
    assert await rig.radar.files([me.task]) == {}
    await _touch(rig, Holder(PLACE, claim.id, claim.fence), writes=["a"])
    assert [overlap.task for overlap in await rig.radar.look(PLACE, ["a"])] == [me.task]


async def test_what_was_said_lasts_an_hour(rig: LeaseRig) -> None:
    """From the last word on, a sign of progress counting as one."""
    me = await rig.holder()
    key = rig.keys.touched(me.task)
    await _touch(rig, me, reads=["a"])
    assert 3_590_000 < await rig.raw("PTTL", key) <= 3_600_000
    await rig.raw("PEXPIRE", key, 1_000_000)
    await rig.radar.progress(me.task, me.fence)
    assert 3_590_000 < await rig.raw("PTTL", key) <= 3_600_000


async def test_of_too_many_files_the_first_are_kept(rig: LeaseRig, caplog: pytest.LogCaptureFixture) -> None:
    """It says so, what is known may still become stronger, and overlaps are told all the same, 1,000 at most."""
    other, me = await rig.holders(2)
    names = [f"f/{number:04}" for number in range(PATHS_MOST)]
    await _touch(rig, me, reads=names[:-1])
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        await _touch(rig, me, reads=[names[-1], "one more"], writes=["f/0000"])
    assert me.task in caplog.text
    said = (await rig.radar.files([me.task]))[me.task]
    assert said.full
    assert (len(said.reads), said.writes) == (PATHS_MOST - 1, ("f/0000",))
    assert len(await _touch(rig, other, writes=names)) == 1000
    assert await rig.raw("HLEN", rig.keys.touched(me.task)) == PATHS_MOST + 5


async def test_paths_are_relative_and_come_back_as_they_were(rig: LeaseRig) -> None:
    """No path can be taken for one of the radar's own fields; names that are not UTF-8 are told apart."""
    other, me = await rig.holders(2)
    for path in ("", "/fence", "/etc/passwd"):
        with pytest.raises(InputError):
            await _touch(rig, me, writes=[path])
    names = ["a\udcff", "a\\udcff", "a\nb"]
    await _touch(rig, other, writes=names)
    assert {overlap.path for overlap in await _touch(rig, me, reads=[names[0], names[2]])} == {names[0], names[2]}


async def test_a_fleet_at_work_is_one_call(rig: LeaseRig) -> None:
    """200 running tasks of 20 files each: one call tells of all, and only, the overlaps."""
    tasks = await rig.holders(200)
    for number, task in enumerate(tasks):
        await _touch(rig, task, writes=[f"{number}/{name}" for name in range(19)], reads=["shared"])
    me = await rig.holder()
    await rig.raw("CONFIG", "RESETSTAT")
    found = await _touch(rig, me, means=["shared", "7/3"], reads=[f"x/{name}" for name in range(18)])
    stats = (await rig.raw("INFO", "commandstats")).decode()
    assert "cmdstat_evalsha:calls=1," in stats
    assert {(o.path, o.theirs) for o in found} == {("shared", "has read"), ("7/3", "has changed")}
    assert len(found) == 201
    await rig.queue.release([Held(task.task, task.fence) for task in tasks])
