"""Ways to break each invariant by hand, with raw commands on the scene of scene.py. Job: a catalogue.

Not its job: expectations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.contract.queue.rig import LANE, LONG_MS, Rig
from tests.contract.queue.scene import FAR_MS

Named = dict[str, str]
Break = Callable[[Rig, Named], Awaitable[Any]]
BREAKS: dict[str, tuple[str, Break]] = {}
"""How -> the invariant that is broken, and the breaking."""
STRANGER = "0" * 18


def _breaks(invariant: str) -> Callable[[Break], Break]:
    """Register a way to break an invariant, by its function's name."""

    def register(make: Break) -> Break:
        BREAKS[make.__name__.strip("_")] = (invariant, make)
        return make

    return register


@_breaks("ready")
async def _ready_task_missing_in_its_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.ready(LANE), named["ready"])


@_breaks("ready")
async def _ready_task_at_the_wrong_place(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, named["ready too"])


@_breaks("ready")
async def _whole_lane_missing(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.ready(LANE))


@_breaks("ready")
async def _done_task_in_a_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, named["done"])


@_breaks("ready")
async def _ready_task_in_a_second_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready("other@p"), 3, named["ready"])


@_breaks("ready")
async def _unknown_task_in_a_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, STRANGER)


@_breaks("ready")
async def _one_missing_and_one_too_many(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.ready(LANE), named["ready"])
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, STRANGER)


@_breaks("waiting")
async def _lane_missing_in_waiting(rig: Rig, named: Named) -> None:
    await rig.raw("SREM", rig.keys.waiting(), LANE)


@_breaks("waiting")
async def _empty_lane_in_waiting(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.waiting(), "nobody@p")


@_breaks("delayed")
async def _delayed_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.delayed(), named["delayed"])


@_breaks("delayed")
async def _delayed_task_at_another_time(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.delayed(), FAR_MS, named["delayed"])


@_breaks("delayed")
async def _ready_task_in_delayed(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.delayed(), FAR_MS, named["ready"])


@_breaks("leased")
async def _done_task_in_leased(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.leased(), FAR_MS, named["done"])


@_breaks("leased")
async def _leased_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.leased(), named["leased too"])


@_breaks("blocked")
async def _blocked_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.blocked(), named["blocked"])


@_breaks("blocked")
async def _unknown_task_in_blocked(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.blocked(), 1, STRANGER)


@_breaks("ended")
async def _ended_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.ended(), named["skipped"])


@_breaks("ended")
async def _dead_task_in_ended(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ended(), 1, named["dead"])


@_breaks("dead")
async def _dead_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.dead(), named["dead"])


@_breaks("dead")
async def _done_task_in_dead(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.dead(), 1, named["done"])


@_breaks("deadline")
async def _deadline_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.deadlines(), named["blocked"])


@_breaks("deadline")
async def _another_deadline(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.deadlines(), 77, named["ready"])


@_breaks("deadline")
async def _deadline_of_a_task_that_has_none(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.deadlines(), FAR_MS, named["ready too"], FAR_MS, named["dead"])


@_breaks("quarantine")
async def _suspect_in_an_ordinary_lane(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.task(named["ready too"]), "crashes", 2)


@_breaks("quarantine")
async def _ordinary_task_in_quarantine(rig: Rig, named: Named) -> None:
    await rig.raw("HDEL", rig.keys.task(named["suspect"]), "crashes", "solo_crashes")


@_breaks("parents")
async def _child_missing_with_its_parent(rig: Rig, named: Named) -> None:
    await rig.raw("SREM", rig.keys.children(named["leased too"]), named["blocked"])


@_breaks("parents")
async def _waiter_missing_with_its_parent(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.waiters(named["dead"]))


@_breaks("parents")
async def _child_that_does_not_wait(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.children(named["leased too"]), named["ready"])


@_breaks("parents")
async def _child_under_the_wrong_rule(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.children(named["dead"]), named["waits"])


@_breaks("parents")
async def _child_of_an_unknown_parent(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.children(STRANGER), named["ready"])


@_breaks("parents")
async def _open_parents_miscounted(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.task(named["blocked"]), "parents_open", 7)


@_breaks("parents")
async def _parent_that_does_not_know_of_its_children(rig: Rig, named: Named) -> None:
    await rig.raw("HDEL", rig.keys.task(named["leased too"]), "kids")


@_breaks("parents")
async def _fanout_forgotten(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.fanout())


@_breaks("parents")
async def _blocked_by_nothing(rig: Rig, named: Named) -> None:
    await rig.raw("HDEL", rig.keys.task(named["blocked"]), "parents")


@_breaks("fanout")
async def _open_task_in_fanout(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.fanout(), 1, named["ready"])


@_breaks("fanout")
async def _unknown_task_in_fanout(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.fanout(), 1, STRANGER)


@_breaks("keys")
async def _key_that_names_nothing(rig: Rig, named: Named) -> None:
    await rig.raw("SET", rig.keys.idempotency("nobody's"), f"{STRANGER}:0123456789abcdef")


@_breaks("keys")
async def _key_missing(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.idempotency("k-ready"))


@_breaks("keys")
async def _key_that_names_another_task(rig: Rig, named: Named) -> None:
    await rig.raw("SET", rig.keys.idempotency("k-ready"), f"{named['done']}:0123456789abcdef")


@_breaks("keys")
async def _two_tasks_with_one_key(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.task(named["ready too"]), "key", "k-ready", "body", "0" * 16)


@_breaks("fences")
async def _two_claims_with_one_fence(rig: Rig, named: Named) -> None:
    fence = await rig.raw("HGET", rig.keys.task(named["leased"]), "fence")
    await rig.raw("HSET", rig.keys.task(named["leased too"]), "fence", fence)


@_breaks("fences")
async def _fence_key_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.fence())


@_breaks("sequence")
async def _sequence_behind_its_tasks(rig: Rig, named: Named) -> None:
    await rig.raw("SET", rig.keys.sequence(), "3")


@_breaks("sequence")
async def _sequence_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.sequence())


@_breaks("counters")
async def _state_miscounted(rig: Rig, named: Named) -> None:
    await rig.raw("HINCRBY", rig.keys.counters(), "ready", 5)


@_breaks("counters")
async def _counters_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.counters())


@_breaks("counters")
async def _unknown_counter(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.counters(), "happy", 1)


@_breaks("runs")
async def _run_total_wrong(rig: Rig, named: Named) -> None:
    task = await rig.task(named["ready"])
    await rig.raw("HINCRBY", rig.keys.run(task.run), "total", 2)


@_breaks("runs")
async def _run_outcome_wrong(rig: Rig, named: Named) -> None:
    task = await rig.task(named["ready"])
    await rig.raw("HSET", rig.keys.run(task.run), "dead", 0)


@_breaks("runs")
async def _run_gone(rig: Rig, named: Named) -> None:
    task = await rig.task(named["ready"])
    await rig.raw("DEL", rig.keys.run(task.run))


@_breaks("runs")
async def _run_without_tasks(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.run(STRANGER), "at", 1, "total", 0)


@_breaks("life")
async def _task_that_would_expire(rig: Rig, named: Named) -> None:
    await rig.raw("PEXPIRE", rig.keys.task(named["ready"]), LONG_MS)


@_breaks("life")
async def _index_that_would_expire(rig: Rig, named: Named) -> None:
    await rig.raw("PEXPIRE", rig.keys.blocked(), LONG_MS)


@_breaks("life")
async def _claim_that_would_stay(rig: Rig, named: Named) -> None:
    await rig.raw("PERSIST", rig.keys.claim("h1"))


@_breaks("names")
async def _index_of_the_wrong_type(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.waiting())
    await rig.raw("SET", rig.keys.waiting(), "x")


@_breaks("lost")
async def _records_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.task(named["ready"]), rig.keys.task(named["done"]))


@_breaks("lost")
async def _lost_parent(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.task(named["leased too"]))
