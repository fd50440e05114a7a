"""What is stuck, why, and what to do. Job: decide from facts that were read. Not its job: reading them (survey).

Each rule is one function of the facts; a rule that finds nothing costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ezaigents.client.company import Member
from ezaigents.codec import counted
from ezaigents.queue import ANSWER_WITHIN_MS
from ezaigents.records import PatchState, Task
from ezaigents.team import State, Waiting

_LEFT_MS = 60_000
"""An apply takes well under a second: one that has not ended after this was left behind."""
_WAIT_LEAST_MS = 10_000
"""Tasks at the same files take turns: a wait shorter than this is how it should be."""
_MAIN = "main"
_MEMORY_SHARE = 0.9
_HELD_BACK_SHOWN = 20


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs somebody. `kind`: a word for programs; `since_ms`: since when, 0 = not known."""

    kind: str
    who: str
    why: str
    advice: str
    since_ms: int = 0


class LaneFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A lane with work: how much, which task of those looked at waits longest, and why nobody may be taking it.

    `served`: a living host serves the place and can run the agent; `free`: slots of such hosts that are not busy.
    """

    agent: str
    place: str
    quarantine: bool
    waiting: int
    oldest: Task | None
    served: bool
    free: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, at about one moment. Times in ms by the engine's clock."""

    now_ms: int
    stuck_ms: int
    hosts: tuple[Member, ...]
    paused: dict[str, int]
    running: tuple[Task, ...]
    progress_ms: dict[str, int]
    waiting: tuple[Waiting, ...]
    lanes: tuple[LaneFacts, ...]
    patches: tuple[Task, ...]
    asking: tuple[Task, ...] = ()
    held_back: tuple[Task, ...] = ()
    dead: int
    unread: dict[str, int]
    mailbox_most: int
    message_ttl_s: float
    used_bytes: int
    most_bytes: int
    durability: str

    def living(self) -> set[str]:
        """The names of the hosts that live."""
        return {member.seen.card.name for member in self.hosts if member.lives}

    def is_paused(self, agent: str) -> bool:
        """Say whether it may take no tasks, alone or with all others."""
        return "*" in self.paused or agent in self.paused

    def last_ms(self, task: Task) -> int:
        """When a running task last showed progress; its start counts."""
        return max(task.started_ms, self.progress_ms.get(task.id, 0))

    def stalls(self, task: Task) -> bool:
        """Say whether a running task has shown no progress for too long."""
        return self.now_ms - self.last_ms(task) > self.stuck_ms


def waiting_since_ms(task: Task) -> int:
    """Since when a task that is ready waits; one that came back has not waited while it ran."""
    return max(task.accepted_ms, task.due_ms, task.ended_ms, task.started_ms)


def find_problems(facts: Facts) -> list[Problem]:
    """All of them, the worst sort first."""
    rules = (_hosts, _engine, _asking, _held_back, _conflicts, _no_progress, _waits, _starving, _mail, _dead)
    return [problem for rule in rules for problem in rule(facts)]


def _hosts(facts: Facts) -> Iterator[Problem]:
    for member in facts.hosts:
        seen, state = member.seen, member.presence
        name = f"host {seen.card.name} on {seen.card.node}"
        if not member.lives:
            yield from _gone(facts, member)
            continue
        if state.state is State.DEGRADED:
            yield Problem(kind="host-degraded", who=name, why=state.why, advice="`ez doctor` there says more")
        for agent, ails in sorted(seen.health.agents.items()):
            if not ails:
                continue
            yield Problem(
                kind="agent-degraded",
                who=f"agent {agent} on host {seen.card.name}",
                why=ails,
                advice=f"`ez tasks --state dead` shows its tasks; `ez pause {agent}` keeps others from it",
            )


def _gone(facts: Facts, member: Member) -> Iterator[Problem]:
    """Nothing needs doing about a host that held nothing while another does the work."""
    card, holds = member.seen.card, sum(task.owner == member.seen.card.name for task in facts.running)
    others = facts.living()
    if others and not holds:
        return
    start = "`ez up`" if card.name == _MAIN else f"`ez up --name {card.name}`"
    if others:
        advice = f"its tasks are taken back when their leases end; {start} starts it again where it ran"
    else:
        advice = f"no host lives: {start} where it ran takes its tasks back" if holds else f"{start} where it ran"
    yield Problem(
        kind="host-gone",
        who=f"host {card.name} on {card.node}",
        why=f"{member.presence.why}; it held {holds:,} tasks" if holds else member.presence.why,
        advice=advice,
        since_ms=member.seen.last_seen_ms,
    )


def _engine(facts: Facts) -> Iterator[Problem]:
    if facts.most_bytes and facts.used_bytes > facts.most_bytes * _MEMORY_SHARE:
        yield Problem(
            kind="engine-full",
            who="the engine",
            why=f"it holds {facts.used_bytes / 1e6:.0f} of {facts.most_bytes / 1e6:.0f} MB",
            advice="`ez purge` forgets ended tasks; engine_max_bytes in ezaigents.toml raises the limit, or maxmemory "
            "of an engine that is not ours",
        )
    if facts.durability in ("none", "unknown"):
        yield Problem(
            kind="engine-durability",
            who="the engine",
            why=f"its durability is {facts.durability}: a crash may lose what was acknowledged",
            advice="set `appendonly yes` and `appendfsync always` there",
        )


def _asking(facts: Facts) -> Iterator[Problem]:
    for task in facts.asking:
        left = _ago(task.due_ms - facts.now_ms)
        yield Problem(
            kind="needs-approval",
            who=f"task {task.id} ({task.agent}, {task.title})",
            why=f"it asks: {task.asks}",
            advice=f"`ez approve {task.id}` or `ez deny {task.id}`; without an answer it is denied in {left}",
            since_ms=task.due_ms - ANSWER_WITHIN_MS,
        )


def _held_back(facts: Facts) -> Iterator[Problem]:
    """Tasks that will be tried again by themselves: nothing needs doing, if what keeps them is known to pass."""
    for task in facts.held_back[:_HELD_BACK_SHOWN]:
        yield Problem(
            kind="waits-to-be-tried",
            who=f"task {task.id} ({task.agent}, {task.title})",
            why=task.error,
            advice=f"it is tried again in {_ago(task.due_ms - facts.now_ms)}; `ez cancel {task.id}` ends it",
            since_ms=task.started_ms,
        )


def _conflicts(facts: Facts) -> Iterator[Problem]:
    for task in facts.patches:
        # One that is open is being tried again: neither may be done to it, and neither needs to be.
        if task.patch_state is PatchState.CONFLICT and task.state.terminal:
            yield Problem(
                kind="patch-conflict",
                who=f"the patch of task {task.id}",
                why=task.patch_error or "files were changed since the task read them",
                advice=f"`ez show --diff {task.id}`; then `ez apply --merge {task.id}` or `ez retry {task.id}`",
                since_ms=task.patch_at_ms,
            )
        elif task.patch_state is PatchState.APPLYING and facts.now_ms - task.patch_at_ms > _LEFT_MS:
            yield Problem(
                kind="apply-left",
                who=f"the patch of task {task.id}",
                why="its apply was interrupted: some of its files may be changed and some not",
                advice=f"`ez apply {task.id}` brings it to its end",
                since_ms=task.patch_at_ms,
            )


def _no_progress(facts: Facts) -> Iterator[Problem]:
    waits = {row.task for row in facts.waiting}
    gone = {member.seen.card.name for member in facts.hosts if not member.lives}
    for task in facts.running:
        if not facts.stalls(task) or task.id in waits or task.owner in gone:
            continue
        why, advice = _why_it_rests(task, facts)
        yield Problem(
            kind="no-progress",
            who=f"task {task.id} ({task.agent}, {task.title})",
            why=f"{why}; no progress for {_ago(facts.now_ms - facts.last_ms(task))}",
            advice=advice,
            since_ms=facts.last_ms(task),
        )


def _why_it_rests(task: Task, facts: Facts) -> tuple[str, str]:
    if task.owner not in facts.living():
        return f"its host {task.owner} has not been heard of for an hour", "`ez up` takes it back"
    if facts.is_paused(task.agent):
        return f"{task.agent} is paused: it runs on host {task.owner} and may rest at a step", "`ez resume` ends it"
    return (
        f"it runs on host {task.owner}",
        f"`ez msg {task.agent} TEXT` asks it; `ez cancel {task.id}` ends it",
    )


def _waits(facts: Facts) -> Iterator[Problem]:
    """Waiting is in order for a while, unless for a task that does nothing."""
    stalled = {task.id for task in facts.running if facts.stalls(task)}
    patience_ms = max(facts.stuck_ms // 10, _WAIT_LEAST_MS)
    for row in facts.waiting:
        waits_ms = facts.now_ms - row.since_ms
        if waits_ms <= patience_ms and row.blocked_by not in stalled:
            continue
        files = ", ".join(row.patterns)
        yield Problem(
            kind="waits-for-files",
            who=f"task {row.task}",
            why=f"it waits for {files}, which task {row.blocked_by or 'before it'} holds, for {_ago(waits_ms)}",
            advice="`ez locks` shows both; the lease ends with the task that has it",
            since_ms=row.since_ms,
        )


def _starving(facts: Facts) -> Iterator[Problem]:
    for lane in facts.lanes:
        if lane.oldest is None:
            continue
        since_ms = waiting_since_ms(lane.oldest)
        if facts.now_ms - since_ms > facts.stuck_ms or not lane.served:
            why, advice = _why_it_waits(lane, paused=facts.is_paused(lane.agent))
            yield Problem(
                kind="starving",
                who=f"{lane.waiting:,} tasks for {lane.agent}, oldest {lane.oldest.id}",
                why=f"{why}; the oldest waits for {_ago(facts.now_ms - since_ms)}",
                advice=advice,
                since_ms=since_ms,
            )


def _why_it_waits(lane: LaneFacts, *, paused: bool) -> tuple[str, str]:
    rests, nobody = f"{lane.agent} is paused", f"no living host runs {lane.agent} for this workspace"
    if paused and not lane.served:
        return f"{rests}, and {nobody}", "`ez up` in that workspace, and `ez resume`"
    if paused:
        return rests, "`ez resume` ends it"
    if not lane.served:
        return nobody, "`ez up` in that workspace; `ez agents` shows why"
    if lane.quarantine:
        return "they crashed hosts before and run alone, one after the other", "wait, or `ez cancel` them"
    if lane.free == 0:
        return f"all slots of {lane.agent} are busy", "wait, or start another host: `ez up --name OTHER`"
    return "no host has taken them: its memory may be at its limit", "`ez status` and the host's log say more"


def _mail(facts: Facts) -> Iterator[Problem]:
    for agent, number in sorted(facts.unread.items()):
        if number >= facts.mailbox_most:
            yield Problem(
                kind="mailbox-full",
                who=f"agent {agent}",
                why=f"{number:,} messages are unread: it takes no more",
                advice="it reads them while it works; each is dropped "
                f"{_ago(round(facts.message_ttl_s * 1000))} after it came",
            )


def _dead(facts: Facts) -> Iterator[Problem]:
    if facts.dead:
        yield Problem(
            kind="dead",
            who=counted(facts.dead, "task"),
            why="they did not succeed, and are not tried again",
            advice="`ez tasks --state dead` says why; `ez retry ID` tries again, `ez purge --dead` forgets them",
        )


def _ago(span_ms: int) -> str:
    span_s = max(0, span_ms) // 1000
    if span_s < 120:
        return f"{span_s} s"
    return f"{span_s // 60} min" if span_s < 7200 else f"{span_s // 3600} h"
