"""The old system's names. Job: which agent, kind and rank they stand for, and what each of its keys is; pure.

Not its job: reading anything (server), what an entry says (entries).
Source: the key layout of the public Node.js system, July 2025, as measured in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from ezaigents.records import TaskKind

AGENTS: dict[str, str] = {
    "claude-3-opus": "claude",
    "claude": "claude",
    "gpt-4o": "gpt",
    "gpt-4": "gpt",
    "gpt": "gpt",
    "deepseek-coder": "deepseek",
    "deepseek-r1": "deepseek",
    "deepseek": "deepseek",
    "command-r-plus": "mistral",
    "mistral-large": "mistral",
    "mistral": "mistral",
    "gemini-pro": "gemini",
    "gemini": "gemini",
}
"""The old system's queues, by model or by agent, and who does their tasks here."""
MODELS: dict[str, str] = {
    "claude": "claude-3-opus",
    "gpt": "gpt-4o",
    "deepseek": "deepseek-coder",
    "mistral": "command-r-plus",
    "gemini": "gemini-pro",
}
"""Whose queue a task of ours goes to that was never in one."""
KINDS: dict[str, TaskKind] = {
    "refactor-core": TaskKind.EDIT,
    "backend-logic": TaskKind.EDIT,
    "test-utils": TaskKind.TEST,
    "docgen": TaskKind.DOCUMENT,
    "analysis": TaskKind.ANALYZE,
    "research_task": TaskKind.ANALYZE,
    "dashboard-enhancement": TaskKind.EDIT,
}
_KIND_OF_AGENT: dict[str, TaskKind] = {
    "deepseek": TaskKind.TEST,
    "mistral": TaskKind.DOCUMENT,
    "gemini": TaskKind.ANALYZE,
}
RANKS: dict[str, int] = {"critical": 1, "high": 3, "normal": 5, "medium": 5, "low": 7, "deferred": 9}
LEVELS = ("critical", "high", "normal", "low", "deferred")
"""The levels that have lists of their own, first come first."""
TODOS = "todos"
TODO_AGENT = "claude"
_SECRET_WORDS = (b"key", b"secret", b"password", b"credential", b"token")
_SECRET = re.compile(
    rb'"([^"\\]{0,64}(?:api_?key|secret|password|credential|auth_?token|access_?token)[^"\\]{0,64})"\s*:', re.IGNORECASE
)
"""A field of a JSON object whose name says that its value is a secret."""


def secret_field(raw: bytes) -> str:
    """The name of a field of some JSON that says that its value is a secret; "" = there is none."""
    folded = raw.lower()
    if not any(word in folded for word in _SECRET_WORDS):  # nearly every entry, in a hundredth of the time
        return ""
    found = _SECRET.search(raw)
    return found[1].decode("utf-8", "replace") if found else ""


class Part(StrEnum):
    """What a key holds, in the order in which what holds tasks is read."""

    PROCESSING = "processing"
    PROCESSING_HASH = "processing, by the orchestrator"
    QUEUE = "queue"
    LEVEL = "queue of one priority"
    TODOS_TAKEN = "todos taken"
    TODOS = "todos"
    DEAD = "dead letters"
    PROJECT = "tasks of a plan"
    TODOS_DONE = "todos done"
    SECRET = "secret"  # noqa: S105 - says that the key holds one
    KNOWN = "known, and not needed here"
    UNKNOWN = "not known"


READ = (
    Part.PROCESSING,
    Part.PROCESSING_HASH,
    Part.QUEUE,
    Part.LEVEL,
    Part.TODOS_TAKEN,
    Part.TODOS,
    Part.DEAD,
    Part.PROJECT,
)
"""The drain order: what was begun, then oldest first, then what had failed, then what was only planned."""
REPEATING = (Part.PROCESSING, Part.TODOS_TAKEN)
"""Lists in which one task may stand several times, by the old system's faults."""


class KeyClass(msgspec.Struct, frozen=True):
    """What a key is. `type`: the type it must have, "" = any. `lane`: the queue it belongs to. `group`: its family."""

    part: Part
    type: str = ""
    lane: str = ""
    level: str = ""
    group: str = ""


_NOT_NEEDED: tuple[tuple[str, str], ...] = (
    (r"agents?:(registry|heartbeats|status)|agents:enabled|platform:.*:agents", "hosts here register themselves"),
    (r"agent:(ports:.*|status:log|deletion:log)", "nothing here reserves ports"),
    (r"health:.*|api:health:.*", "health is measured here"),
    (r"(messages:.*|dashboard-messages|agent:chat:messages|agent-events)", "talk of an hour ago is over"),
    (r"agent:.*|agent-tasks:.*|task-assignments?.*|todo:(assignments|metrics.*)", "who did what there"),
    (r"global-todos|coordination:.*|approval:.*|emergency-log|shared:state:.*", "talk between the old agents"),
    (r"(file:)?lock:.*|port:lock:.*", "file leases are taken anew"),
    (r"autoscaler:.*", "hosts here admit by memory"),
    (r"dedup:.*", "entries are told apart by their content"),
    (r"(queue:)?analytics.*|smart:.*|queue:.*:stats:.*|enhancement:progress:.*", "counters of the old system"),
    (r"queue:.*:(priorities|priority_weights)", "the priority is in each task"),
    (r"queue:.*:paused(_at)?|queue:emergency_stop.*", "`ez pause` is the same here"),
    (r"queue:failures|archive:dlq:.*|dlq:log:.*|txlog:.*|queue:(reprioritizations|context_additions)", "a log"),
    (r"task:results|queue:tasks", "a log of results and submissions"),
    (r"project:[^:]+|research:.*|dashboard:tasks|content:.*", "plans; their tasks are in queues of their own"),
    (r"(tokens|cost):.*|task:[^:]+:tokens", "costs are counted anew"),
    (r"ez:legacy:.*", "what a bridge or an import wrote down"),
)
_COMPILED = tuple((re.compile(rf"(?:{pattern})\Z", re.DOTALL), why) for pattern, why in _NOT_NEEDED)
_LEVEL = re.compile(rf"queue:(.+):p:({'|'.join(LEVELS)})\Z", re.DOTALL)
_PROJECT_TASK = re.compile(r"task:([^:]+):(task-[^:]+)\Z")
_TODOS = {
    "queue:todos": Part.TODOS,
    "queue:todos:processing": Part.TODOS_TAKEN,
    "queue:todos:completed": Part.TODOS_DONE,
}


def class_of(key: str) -> KeyClass:
    """Say what a key of the old system is, by its name."""
    if key in _TODOS:
        return KeyClass(_TODOS[key], "list", TODOS, group=key)
    if key.startswith("processing:queue:"):
        return KeyClass(Part.PROCESSING_HASH, "hash", key.removeprefix("processing:queue:"), group=key)
    if key.startswith("processing:"):
        return KeyClass(Part.PROCESSING, "list", key.removeprefix("processing:"), group=key)
    if key.startswith("enrolled:agent:"):
        return KeyClass(Part.SECRET, "hash", group="enrolled:agent:*")
    if found := _LEVEL.match(key):
        return KeyClass(Part.LEVEL, "list", found[1], found[2], group=key)
    if found := _PROJECT_TASK.match(key):
        return KeyClass(Part.PROJECT, "hash", group="task:*:task-*")
    for pattern, why in _COMPILED:
        if pattern.match(key):
            return KeyClass(Part.KNOWN, group=why)
    if key.startswith("dlq:"):
        return KeyClass(Part.DEAD, "list", key.removeprefix("dlq:").removeprefix("queue:"), group=key)
    if key.startswith("queue:"):
        return KeyClass(Part.QUEUE, "list", key.removeprefix("queue:").removesuffix(":failed"), group=key)
    return KeyClass(Part.UNKNOWN, group="")


def agent_of(lane: str, named: tuple[str, ...], more: Mapping[str, str]) -> str:
    """Who does the tasks of a queue; where nobody does, whoever an entry itself names; "" = nobody.

    `more`: what the operator said, name -> agent; it goes before what is known.
    """
    for name in (lane, *named):
        if agent := more.get(name) or AGENTS.get(name):
            return agent
    return TODO_AGENT if lane == TODOS else ""


def kind_of(kind: str, agent: str) -> TaskKind:
    """The kind of a task by its old type; where that says nothing, by what its agent did in the old system."""
    return KINDS.get(kind) or _KIND_OF_AGENT.get(agent, TaskKind.EDIT)


def rank_of(*words: str | float | None) -> int:
    """The rank (0 first, 9 last) of the first of these that names one."""
    for word in words:
        if isinstance(word, str) and word.strip().lower() in RANKS:
            return RANKS[word.strip().lower()]
    return RANKS["normal"]


def result_name(agent: str, file: str, name: str) -> str:
    """How the file in `src/output/` is called where readers of the old system look for a task's result."""
    before, after = {"mistral": ("doc__", ""), "deepseek": ("test__", ""), "gemini": ("gemini_analysis__", ".md")}.get(
        agent, ("", "")
    )
    flat = file.replace("/", "__") + after if file else f"task__{name}.md"
    return before + flat
