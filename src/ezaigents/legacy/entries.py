"""What an entry of an old queue asks for. Job: all the shapes its producers wrote, read into one record; pure.

Every shape is read with one record whose fields may all be missing, because no producer wrote all of them.
Not its job: whether its files are there (files), which agent can work (importing).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from ezaigents.codec import from_json
from ezaigents.legacy.names import Part, agent_of, kind_of, rank_of, secret_field
from ezaigents.records import TaskKind

ENTRY_MAX_BYTES = 4 * 1024 * 1024
"""What is longer is not even decoded: its prompt would be refused."""
_Text = str | None
_TITLE_MAX_CHARS = 200


class OldEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it stands in the old server. `key`, `field`: where (`field`: in a hash, else "").

    `number`: it is the so many-th with just these bytes in its queue, from 1, counted as they would be done.
    """

    part: Part
    key: str
    lane: str
    raw: bytes
    number: int = 1
    level: str = ""
    field: str = ""

    @property
    def digest(self) -> bytes:
        """What tells it from all others, also when it moves from a queue to its `processing:` list."""
        return digest_of(self.lane, self.level, self.field, self.raw, self.number)


def digest_of(lane: str, level: str, field: str, raw: bytes, number: int) -> bytes:
    """16 bytes that name an entry."""
    place = "\0".join((lane, level, field, str(number), "")).encode("utf-8", "surrogateescape")
    return hashlib.sha256(place + raw).digest()[:16]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry asks for. `files`: as they are written there. `old_id`: what it was called, "" = nothing.

    `name`: its name within a plan, `project/task`. `needs`: names of those that must be done first.
    """

    agent: str
    kind: TaskKind
    priority: int
    prompt: str
    files: tuple[str, ...] = ()
    old_id: str = ""
    name: str = ""
    needs: tuple[str, ...] = ()
    again: bool = False

    @property
    def title(self) -> str:
        """What `ez tasks` shows of it."""
        words = self.files[0] if self.files else self.name or " ".join(self.prompt.split())
        return words[:_TITLE_MAX_CHARS]


class Unmapped(Exception):
    """An entry that becomes no task; the message says why, and what to do where something can be done."""


class _Old(msgspec.Struct, frozen=True, rename="camel"):
    """Every field that any of the producers wrote and that means something here."""

    file: _Text = None
    prompt: _Text = None
    id: str | int | None = None
    type: _Text = None
    priority: str | float | None = None
    model: _Text = None
    selected_model: _Text = None
    agent: _Text = None
    agent_type: _Text = None
    assigned_agent: _Text = None
    task_id: str | int | None = None
    project_id: _Text = None
    name: _Text = None
    title: _Text = None
    description: _Text = None
    instructions: str | list[str] | None = None
    files: list[str] | None = None
    dependencies: list[str] | str | None = None
    retry: bool | None = None
    original_queue: _Text = None
    data: Any = None


def read_entry(entry: OldEntry, more: Mapping[str, str]) -> Asked:
    """Say what an entry asks for. `more`: names of queues or models -> agents. Raises Unmapped."""
    old = _decoded(entry.raw)
    lane = entry.lane
    named = tuple(
        name for name in (old.selected_model, old.model, old.agent, old.assigned_agent, old.agent_type) if name
    )
    agent = agent_of(lane, named, more)
    if not agent:
        whose = lane or next(iter(named), "")
        advice = f"name one with --map {whose[:80]}=AGENT" if whose else "it names none itself"
        raise Unmapped(f"no agent here does the tasks of {whose[:80] or 'no queue'}; {advice}")
    prompt = _prompt(old)
    if not prompt:
        raise Unmapped("it has no prompt, name, title or description, so nobody knows what is to be done")
    name = f"{old.project_id}/{old.task_id}" if old.project_id and old.task_id else ""
    return Asked(
        agent=agent,
        kind=kind_of(old.type or "", agent),
        priority=rank_of(entry.level, old.priority if isinstance(old.priority, str) else None),
        prompt=prompt,
        files=_files(old),
        old_id=str(old.id or old.task_id or ""),
        name=name,
        needs=tuple(f"{old.project_id}/{one}" for one in _needs(old)) if old.project_id else (),
        again=bool(old.retry),
    )


def todo_id(raw: bytes) -> str:
    """The id of a todo, whatever was added to it since; "" where it has none."""
    try:
        return str(_decoded(raw).id or "")
    except Unmapped:
        return ""


def _decoded(raw: bytes) -> _Old:
    if field := secret_field(raw):
        raise Unmapped(f"it holds a secret in its field {field!r}, which is not copied; take that out of it")
    if len(raw) > ENTRY_MAX_BYTES:
        raise Unmapped(f"it is {len(raw):,} bytes, limit {ENTRY_MAX_BYTES:,}; put the long part into a file")
    try:
        return from_json(raw, _Old)
    except msgspec.ValidationError as error:
        raise Unmapped(f"it is not of a known shape: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unmapped(f"it is not JSON: {error}") from None


def _prompt(old: _Old) -> str:
    """The words of a task: its prompt, else what plans, todos and enhancements said in other fields."""
    if old.prompt and old.prompt.strip():
        return old.prompt
    instructions = old.instructions if isinstance(old.instructions, str) else "\n".join(old.instructions or ())
    words = [text.strip() for text in (old.title or old.name, old.description, instructions) if text and text.strip()]
    if words and old.data:
        words.append(msgspec.json.encode(old.data).decode())
    return "\n\n".join(words)


def _files(old: _Old) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (old.file, *(old.files or ())) if name))


def _needs(old: _Old) -> list[str]:
    """What it waits for; a plan's hash has them as one text."""
    named = old.dependencies or []
    return [word.strip() for word in (named.split(",") if isinstance(named, str) else named) if word.strip()]
