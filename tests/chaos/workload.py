"""What the tasks are. Job: pure, seeded generation: the same seed, submitter and number give the same batch.

So a submitter that was killed can make its unanswered batch again and repeat it. Not its job: sending it.
"""

from __future__ import annotations

import random

import msgspec

from ezaigents.codec import from_json, to_json

_PARENT_RULES = ("fail", "skip", "run")


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent does with a task: `ms` of waiting, or of computing where `cpu`.

    `fails`: so many attempts end in an error. `fatal`: the first one gives up. `poison`: kills its host.
    """

    ms: int = 0
    cpu: bool = False
    fails: int = 0
    fatal: bool = False
    poison: bool = False


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How the tasks of a run are mixed. `least_ms`, `most_ms`: their length; shares are of all tasks."""

    least_ms: int = 0
    most_ms: int = 80
    batch_most: int = 20
    cpu_share: float = 0.05
    stall_share: float = 0.001
    stall_ms: int = 700
    fail_share: float = 0.04
    fatal_share: float = 0.01
    parent_share: float = 0.15
    delay_share: float = 0.1


class PlannedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task before it has an id. `parents`: keys, of this batch or of acknowledged ones."""

    key: str
    work: Work
    parents: tuple[str, ...] = ()
    rule: str = "fail"
    delay_ms: int = 0
    priority: int = 5

    @property
    def ends(self) -> str:
        """How it ends when nothing else ends it."""
        return "dead" if self.work.fatal or self.work.poison else "done"


def payload_of(work: Work) -> str:
    """The task's payload."""
    return to_json(work).decode()


def work_of(payload: str) -> Work:
    """The inverse of `payload_of`."""
    return from_json(payload, Work)


def plan_batch(seed: int, submitter: str, number: int, most: int, shape: Shape) -> list[PlannedTask]:
    """Make batch `number` of a submitter: 1 to `most` tasks, with parents among earlier ones of the same submitter.

    A parent outside this batch is named by a key of batch `number - 1`, task 0, which always exists.
    """
    rng = random.Random(f"{seed}:{submitter}:{number}")
    size = rng.randint(1, min(most, shape.batch_most))
    tasks: list[PlannedTask] = []
    for index in range(size):
        parents: list[str] = []
        if rng.random() < shape.parent_share:
            if tasks:
                parents.append(rng.choice(tasks).key)
            elif number:
                parents.append(key_of(submitter, number - 1, 0))
        delayed = rng.random() < shape.delay_share
        tasks.append(
            PlannedTask(
                key=key_of(submitter, number, index),
                work=_plan_work(rng, shape),
                parents=tuple(parents),
                rule=rng.choice(_PARENT_RULES),
                delay_ms=rng.randint(1, 300) if delayed else 0,
                priority=rng.choice((5, 5, 5, 0, 9)),
            )
        )
    return tasks


def key_of(submitter: str, batch: int, index: int) -> str:
    """The idempotency key of a task."""
    return f"{submitter}-{batch}-{index}"


def _plan_work(rng: random.Random, shape: Shape) -> Work:
    luck = rng.random()
    ms = rng.randint(shape.least_ms, shape.most_ms)
    if luck < shape.stall_share:
        return Work(ms=shape.stall_ms, cpu=True)
    luck -= shape.stall_share
    if luck < shape.cpu_share:
        return Work(ms=ms // 4, cpu=True)
    luck -= shape.cpu_share
    if luck < shape.fail_share:
        return Work(ms=ms, fails=1)
    luck -= shape.fail_share
    return Work(ms=ms, fatal=luck < shape.fatal_share)
