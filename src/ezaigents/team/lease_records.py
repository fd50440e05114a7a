"""What is said of file leases, and what can go wrong with them. Job: the records. Not its job: taking them (leases.py).

RetryLater
└── LeaseBusy     somebody else holds, or waits for, a path in common
GiveUp
└── NotHolder     the task is not held with this fence any more: its files are none of this caller's business
"""

from __future__ import annotations

import msgspec

from ezaigents.codec import printable
from ezaigents.errors import GiveUp, RetryLater

TASK = "task"
APPLY = "apply"


class Holder(msgspec.Struct, frozen=True):
    """Who holds leases, and by what right.

    `fence`: of the claim (`verb` "task": while it runs), or of the apply (`verb` "apply": while the task's patch is
    applied; it has five seconds from taking its leases to the transition to `applying`).
    """

    place: str
    task: str
    fence: int
    verb: str = TASK


class Grant(msgspec.Struct, frozen=True):
    """Leases on all of `patterns`, by order. `fence`: the highest of theirs; a lease taken later has a higher one.

    `ends_at`: monotonic seconds, counted from before the leases were asked for, so it is never after the engine's end.
    """

    holder: Holder
    fence: int
    patterns: tuple[str, ...]
    ends_at: float


class FileLease(msgspec.Struct, frozen=True, array_like=True):
    """A lease that holds. `claim`: the holder's fence; `fence`: the lease's own. `agent`: "" where nobody knows.

    `until_ms`: when it ends unless it is renewed, by the engine's clock.
    """

    pattern: str
    place: str
    task: str
    agent: str
    claim: int
    verb: str
    fence: int
    since_ms: int
    until_ms: int


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """Somebody in line for leases. `blocked_by`: the task that was in the way when it last asked."""

    ticket: str
    place: str
    task: str
    agent: str
    verb: str
    patterns: tuple[str, ...]
    since_ms: int
    deadline_ms: int
    blocked_by: str


_DOES = {TASK: "is held by", APPLY: "is being changed by the patch of", "wait": "is also waited for, in front, by"}


class LeaseBusy(RetryLater):
    """`pattern` is in the way: of `task` (and its `agent`, "" = not known), which holds it or waited for it first.

    `ends_in_s`: until then, unless it is renewed. `reason`: why this call did not wait (any longer), "" = it was told
    not to.
    """

    def __init__(self, pattern: str, task: str, agent: str, verb: str, ends_in_s: float, reason: str) -> None:
        who = f"task {task} ({agent})" if agent else f"task {task}"
        why = f" ({reason})" if reason else ""
        until = f"until {ends_in_s:.1f} s from now, or longer"
        super().__init__(
            f"{printable(pattern)} {_DOES.get(verb, 'is held by')} {who} {until}{why}; "
            "`ez locks` shows who holds what; try again later"
        )
        self.pattern = pattern
        self.task = task
        self.agent = agent
        self.ends_in_s = ends_in_s
        self.reason = reason


class NotHolder(GiveUp):
    """The claim is over, or another has taken its place; nothing was leased."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(
            f"task {holder.task} is not held under fence {holder.fence} any more, so it gets no file leases; "
            f"`ez show {holder.task}` says what became of it"
        )
        self.holder = holder
