"""The facts that travel between rooms: frozen records and the words they are made of.

Job: say what a task, a claim, a result and a run are. Not its job: how they are stored (queue) or decided (policy).
Times are whole milliseconds since 1970 UTC by the engine's clock, money whole micro-dollars.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class TaskState(StrEnum):
    """The eight states; docs/states.md has the picture."""

    BLOCKED = "blocked"
    READY = "ready"
    DELAYED = "delayed"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def terminal(self) -> bool:
        """True when nothing but an operator's retry changes the task any more."""
        return self in TERMINAL_STATES


TERMINAL_STATES = frozenset({TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED, TaskState.SKIPPED})
OPEN_STATES = frozenset(TaskState) - TERMINAL_STATES


class Answer(StrEnum):
    """What a transition of the queue answers."""

    OK = "OK"
    STALE = "STALE"
    GONE = "GONE"
    FULL = "FULL"
    CONFLICT = "CONFLICT"
    UNKNOWN_PARENT = "UNKNOWN_PARENT"
    RENAMED = "RENAMED"


class PatchState(StrEnum):
    """Where a task's patch stands; only tasks that changed files ever leave `none`. docs/states.md has the picture."""

    NONE = "none"
    PROPOSED = "proposed"
    APPLYING = "applying"
    APPLIED = "applied"
    CONFLICT = "conflict"


class Approval(StrEnum):
    """How a question of a task was answered. `expired`: nobody did in time, which counts as denied."""

    APPROVE = "approve"
    DENY = "deny"
    EXPIRED = "expired"


class OnParentFailure(StrEnum):
    """What becomes of a child when a parent ends dead, cancelled or skipped.

    `fail`: the child goes to dead with reason `parent`. `skip`: to skipped. `wait`: it stays blocked until the
    parent is retried and done. `run`: the ended parent counts as finished (summaries use this).
    """

    FAIL = "fail"
    SKIP = "skip"
    WAIT = "wait"
    RUN = "run"


class TaskKind(StrEnum):
    """What a task asks of its agent."""

    ANALYZE = "analyze"
    EDIT = "edit"
    TEST = "test"
    DOCUMENT = "document"
    REVIEW = "review"


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a submitter hands in; the queue adds state, sequence and times.

    `id`: made by the submitter (ids.IdMaker), so that a repeated submit is recognised.
    `lane`: agent and place, see `lane_of`. `paths`: relative to the workspace, "" for the workspace itself.
    `payload`: more input for the agent, JSON, at most 1,024 bytes together with `paths`; larger goes to a file
    whose name `payload_file` carries. `priority`: 0 (first) to 9 (last). `delay_ms`: not before this long after
    acceptance. `deadline_ms`: absolute, 0 = none. `max_attempts`: attempts that may end in an error (>= 1);
    crashes are counted apart. `parents`: ids that must be done first. `key`: the idempotency key, "" = none.
    """

    id: str
    run: str
    agent: str
    place: str
    kind: TaskKind = TaskKind.ANALYZE
    title: str = ""
    payload: str = ""
    priority: int = 5
    delay_ms: int = 0
    deadline_ms: int = 0
    max_attempts: int = 3
    parents: tuple[str, ...] = ()
    on_parent_failure: OnParentFailure = OnParentFailure.FAIL
    key: str = ""


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything the engine knows of a task: the decoded hash `t:<id>`.

    `title`: what `ez tasks` shows in the path column. `payload`: dropped when the task is done. `fence`: number of
    the newest claim, 0 before the first. `attempts`: attempts that ended in an error. `crashes`, `solo_crashes`:
    host deaths under this task, and those while it ran alone. `closed`: `fence:verb` of the last transition a
    holder made, or `revive`. `open_parents`: parents not yet done. `report`, `patch`: file names beneath the data
    folder. `patch_fence`: number of the newest apply; `patch_error`: why it met a conflict; `patch_at_ms`: when the
    patch last moved. `partial`: a limit stopped it before it was finished. `calls`, `tokens`: model calls, and what
    they took in and put out. `asks`, `asks_id`: what a person is to decide, and its id; see `waits_for_answer`.
    `answers`: the verdict by question; `answer_by`, `answer_why`: who gave the newest one, and the words with it.
    """

    id: str
    state: TaskState
    run: str
    agent: str
    place: str
    kind: TaskKind = TaskKind.ANALYZE
    title: str = ""
    payload: str = ""
    priority: int = 5
    seq: int = 0
    fence: int = 0
    owner: str = ""
    attempts: int = 0
    max_attempts: int = 3
    crashes: int = 0
    solo_crashes: int = 0
    cancel_requested: bool = False
    deadline_ms: int = 0
    due_ms: int = 0
    open_parents: int = 0
    on_parent_failure: OnParentFailure = OnParentFailure.FAIL
    parents: tuple[str, ...] = ()
    key: str = ""
    closed: str = ""
    summary: str = ""
    error: str = ""
    report: str = ""
    patch: str = ""
    patch_state: PatchState = PatchState.NONE
    patch_fence: int = 0
    patch_error: str = ""
    patch_at_ms: int = 0
    cost_microusd: int = 0
    simulated: bool = False
    partial: bool = False
    calls: int = 0
    tokens: int = 0
    asks: str = ""
    asks_id: str = ""
    answers: dict[str, Approval] = {}
    answer_by: str = ""
    answer_why: str = ""
    accepted_ms: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    schema: int = 1

    @property
    def waits_for_answer(self) -> bool:
        """True while a person is to answer what it `asks`; one that ended meanwhile asks nothing any more."""
        return self.state is TaskState.DELAYED and self.asks_id != ""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to work on one attempt of a task, as handed out by the queue.

    `attempt` counts from 1. `lease_until_ms` is the engine's time; the holder computes its own, earlier, end.
    `patch_state`: `applying` or `applied` when an attempt before this one ended in, or after, applying its patch.
    `answers`: what people said to this task's questions, by the question's id; `answer_why`: the words that came with
    the newest.
    """

    id: str
    fence: int
    run: str
    agent: str
    place: str
    kind: TaskKind
    title: str
    payload: str
    attempt: int
    crashes: int
    deadline_ms: int
    lease_until_ms: int
    patch_state: PatchState = PatchState.NONE
    answers: dict[str, Approval] = {}
    answer_why: str = ""
    patch_fence: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent hands back. `summary` is cut to 512 bytes on its way to the engine; the rest is in files.

    `report`, `patch`: file names beneath the data folder, "" = none. `applied`: the patch is in the workspace already.
    `partial`: a limit stopped the work before it was finished. `calls`, `tokens`: model calls, and what they took in
    and put out.
    """

    summary: str = ""
    report: str = ""
    patch: str = ""
    applied: bool = False
    cost_microusd: int = 0
    simulated: bool = False
    partial: bool = False
    calls: int = 0
    tokens: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one model call used, in tokens. The three kinds of input are apart: their sum is the whole input.

    `output`: thinking included. `reasoning`: the part of it that was thinking, where that is said.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input_total(self) -> int:
        """All input tokens, cached or not."""
        return self.input + self.cache_read + self.cache_write


class RunCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks of a run are open, and how the others ended."""

    total: int = 0
    done: int = 0
    dead: int = 0
    cancelled: int = 0
    skipped: int = 0

    @property
    def open(self) -> int:
        """Tasks that have not ended yet."""
        return self.total - self.done - self.dead - self.cancelled - self.skipped


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tasks of one `ez run`. `prompt` is stored once here; one over 1,024 bytes is in `prompt_file` instead.

    `prompt_file`: a file name beneath the data folder, "" = the prompt is here. `summary_task`: id of the task whose
    parents are all the others, the only one where there is one; "" = none. `apply`: patches are applied as soon as they
    are made. `budget_microusd`: what its model calls may cost together, 0 = no limit of its own. `record`: the replies
    of models are kept, for a replay.
    """

    id: str
    prompt: str
    agent: str
    kind: TaskKind
    workspace: str
    place: str
    prompt_file: str = ""
    summary_task: str = ""
    apply: bool = False
    budget_microusd: int = 0
    record: bool = False
    accepted_ms: int = 0
    counts: RunCounts = RunCounts()


class AgentState(StrEnum):
    """What `ez agents` says of an agent; the reason stands beside it."""

    READY = "ready"
    UNAVAILABLE = "unavailable"
    PAUSED = "paused"


EVERYTHING = "*"
"""Stands for every agent where agents are paused."""
PROVIDER = "provider:"
"""With this before it, a name among the paused is that of a provider of models."""


class AgentCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A declared agent, as every host shows it. `slots`: tasks it may run at once (>= 1).

    `task_bytes`: memory set aside for each running task by admission. `reason`: why it is not ready. `reads`: it takes
    the messages that are written to it. `whole`: it takes a job as one task, not as one for each portion of its files.
    `models`: the routes (`provider:model`) that may answer for it, the first one first; () = it asks no model.
    `kinds`: what it can be asked for, () = everything. `simulated`: no model answers for it but a simulator.
    """

    name: str
    slots: int = 4
    state: AgentState = AgentState.READY
    reason: str = ""
    capabilities: tuple[str, ...] = ()
    task_bytes: int = 256 * 1024
    reads: bool = True
    whole: bool = False
    models: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    simulated: bool = False


class HostCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A host as its registration says: who it is, what it runs, which places it serves.

    `boot`: tells two lives of one name apart. `started_in_ms`: process start to ready. `port`: where it answers HTTP,
    0 = nowhere. `storage`: how it keeps messages and registrations, as the setting of that name.
    """

    name: str
    pid: int
    node: str
    boot: str
    home: str
    places: tuple[str, ...]
    agents: tuple[AgentCard, ...]
    started_ms: int
    started_in_ms: int
    port: int = 0
    storage: str = "compact"


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ails a host and its agents; empty when nothing does.

    `host`: why it is degraded, "" = it is not. `agents`: the same by agent; one without a reason here is well.
    `more`: so many agents ail besides those named.
    """

    host: str = ""
    agents: dict[str, str] = msgspec.field(default_factory=dict)
    more: int = 0


def lane_of(agent: str, place: str) -> str:
    """Name the lane (one FIFO by priority) of an agent's tasks for one place: `agent@place`."""
    return f"{agent}@{place}"


class SaidText(msgspec.Struct, frozen=True, kw_only=True):
    """What a running task says. `text` begins `at` characters into what its model says in this step.

    `moved`: its journal holds more than when it last spoke.
    """

    step: int
    at: int
    text: str
    moved: bool = False
