"""What is stuck, why, and what to do. Job: decide from facts that were read. Not its job: reading them (survey).

Each rule is one function of the facts; a rule that finds nothing costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ezaigents.client.company import Member
from ezaigents.records import PatchState, Task
from ezaigents.team import State, Waiting

_LEFT_MS = 60_000
"""An apply takes well under a second: one that has not ended after this was left behind."""
_MEMORY_SHARE = 0.9


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs somebody. `kind`: a word for programs; `since_ms`: since when, 0 = not known."""

    kind: str
    who: str
    why: str
    advice: str
    since_ms: int = 0


class LaneFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A lane with work: how much, since when the task that is next waits, and why nobody may be taking it.

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
    dead: int
    unread: dict[str, int]
    mailbox_most: int
    used_bytes: int
    most_bytes: int
    durability: str


def find_problems(facts: Facts) -> list[Problem]:
    """All of them, the worst sort first."""
    rules = (_hosts, _engine, _conflicts, _no_progress, _waits, _starving, _mail, _dead)
    return [problem for rule in rules for problem in rule(facts)]


def _hosts(facts: Facts) -> Iterator[Problem]:
    for member in facts.hosts:
        seen, state = member.seen, member.presence
        name = f"host {seen.card.name} on {seen.card.node}"
        if state.state is State.GONE:
            yield Problem(
                kind="host-gone",
                who=name,
                why=state.why,
                advice="its tasks are taken back when their leases end; `ez up` starts it again where it ran",
                since_ms=seen.last_seen_ms,
            )
        elif state.state is State.DEGRADED:
            yield Problem(kind="host-degraded", who=name, why=state.why, advice="`ez doctor` there says more")
        for agent, ails in sorted(seen.health.agents.items()) if state.state is not State.GONE else ():
            if not ails:
                continue
            yield Problem(
                kind="agent-degraded",
                who=f"agent {agent} on host {seen.card.name}",
                why=ails,
                advice=f"`ez tasks --state dead` shows its tasks; `ez pause {agent}` keeps others from it",
            )


def _engine(facts: Facts) -> Iterator[Problem]:
    if facts.most_bytes and facts.used_bytes > facts.most_bytes * _MEMORY_SHARE:
        yield Problem(
            kind="engine-full",
            who="the engine",
            why=f"it holds {facts.used_bytes / 1e6:.0f} of {facts.most_bytes / 1e6:.0f} MB",
            advice="`ez purge` forgets ended tasks; engine_max_bytes in ezaigents.toml raises the limit",
        )
    if facts.durability in ("none", "unknown"):
        yield Problem(
            kind="engine-durability",
            who="the engine",
            why=f"its durability is {facts.durability}: a crash may lose what was acknowledged",
            advice="set `appendonly yes` and `appendfsync always` there",
        )


def _conflicts(facts: Facts) -> Iterator[Problem]:
    for task in facts.patches:
        if task.patch_state is PatchState.CONFLICT:
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
    for task in facts.running:
        last_ms = max(task.started_ms, facts.progress_ms.get(task.id, 0))
        if facts.now_ms - last_ms > facts.stuck_ms and task.id not in waits:
            yield Problem(
                kind="no-progress",
                who=f"task {task.id} ({task.agent}, {task.title})",
                why=f"it runs on host {task.owner} and has shown no progress for {_ago(facts.now_ms - last_ms)}",
                advice=f"`ez msg {task.agent} TEXT` asks it; `ez cancel {task.id}` ends it",
                since_ms=last_ms,
            )


def _waits(facts: Facts) -> Iterator[Problem]:
    for row in facts.waiting:
        yield Problem(
            kind="waits-for-files",
            who=f"task {row.task}",
            why=f"it waits for {', '.join(row.patterns)}, which task {row.blocked_by or 'before it'} holds",
            advice="`ez locks` shows both; the lease ends with the task that has it",
            since_ms=row.since_ms,
        )


def _starving(facts: Facts) -> Iterator[Problem]:
    for lane in facts.lanes:
        if lane.oldest is None:
            continue
        since_ms = max(lane.oldest.accepted_ms, lane.oldest.due_ms, lane.oldest.ended_ms)
        if facts.now_ms - since_ms > facts.stuck_ms or not lane.served:
            why, advice = _why_it_waits(lane, facts.paused)
            yield Problem(
                kind="starving",
                who=f"{lane.waiting:,} tasks for {lane.agent}, first {lane.oldest.id}",
                why=f"{why}; the first waits for {_ago(facts.now_ms - since_ms)}",
                advice=advice,
                since_ms=since_ms,
            )


def _why_it_waits(lane: LaneFacts, paused: Iterable[str]) -> tuple[str, str]:
    if "*" in paused or lane.agent in paused:
        return f"{lane.agent} is paused", "`ez resume` ends it"
    if not lane.served:
        return (
            f"no living host runs {lane.agent} for this workspace",
            "`ez up` in that workspace; `ez agents` shows why",
        )
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
                advice="it reads them while it works; they are dropped an hour after they came",
            )


def _dead(facts: Facts) -> Iterator[Problem]:
    if facts.dead:
        yield Problem(
            kind="dead",
            who=f"{facts.dead:,} tasks",
            why="they did not succeed, and are not tried again",
            advice="`ez tasks --state dead` says why; `ez retry ID` tries again, `ez purge --dead` forgets them",
        )


def _ago(span_ms: int) -> str:
    span_s = max(0, span_ms) // 1000
    if span_s < 120:
        return f"{span_s} s"
    return f"{span_s // 60} min" if span_s < 7200 else f"{span_s // 3600} h"
