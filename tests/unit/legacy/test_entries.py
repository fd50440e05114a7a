"""Entries of the old queues, in every shape that was written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ezaigents.legacy.entries import ENTRY_MAX_BYTES, Asked, OldEntry, Unmapped, read_entry, todo_id
from ezaigents.legacy.names import Part
from ezaigents.records import TaskKind


def _asked(raw: bytes | dict[str, Any], lane: str = "gpt-4o", level: str = "", **more: str) -> Asked:
    data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return read_entry(OldEntry(part=Part.QUEUE, key=f"queue:{lane}", lane=lane, level=level, raw=data), more)


_B = {
    "file": "a.js", "prompt": "p", "model": "gpt-4o", "type": "test-utils", "timestamp": "t", "agentType": "gpt",
    "id": "task_1_ab", "priority": "high", "enqueuedAt": 1752300000000, "source": "cli", "weight": 10,
}  # fmt: skip
_C = {"id": "u-1", "file": "a.js", "prompt": "p", "priority": "low", "submittedAt": 1, "status": "queued"}
_E = {
    "projectId": "P", "taskId": "task-2", "name": "Build", "description": "the thing", "phaseId": "1",
    "assignedAgent": "gpt", "backupAgent": "claude", "status": "pending", "priority": "high", "estimatedTime": "45m",
    "dependencies": ["task-1"],
}  # fmt: skip
_G = {
    "id": "r", "projectId": "P", "type": "research_task", "prompt": "find out", "priority": "high",
    "researchContext": {"projectId": "P", "taskType": "x", "category": "y"},
}  # fmt: skip
_H = {
    "id": "d", "type": "dashboard-enhancement", "title": "T", "description": "D", "files": ["a.js", "b.js", "a.js"],
    "dependencies": [], "priority": "critical", "agent": "claude", "model": "x", "instructions": ["one", "two"],
}  # fmt: skip
_I = {"file": "a.js", "prompt": "p", "model": "gpt-4o", "priority": 2, "taskId": "t-9", "orchestratorId": "o"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"file": "a.js", "prompt": "p"}, {"prompt": "p", "files": ("a.js",), "old_id": "", "priority": 5}),
        (_B, {"kind": TaskKind.TEST, "old_id": "task_1_ab", "priority": 3}),
        (_C, {"old_id": "u-1", "priority": 7, "kind": TaskKind.EDIT}),
        (_C | {"selectedModel": "claude-3-opus", "autoSelected": True, "selectionInfo": {}}, {"agent": "gpt"}),
        (_E, {"prompt": "Build\n\nthe thing", "files": (), "name": "P/task-2", "needs": ("P/task-1",)}),
        (
            {"projectId": "P", "taskId": "task-2", "name": "Build", "description": "d", "retry": True},
            {"again": True, "name": "P/task-2", "old_id": "task-2"},
        ),
        (_G, {"kind": TaskKind.ANALYZE, "prompt": "find out", "files": ()}),
        (_H, {"prompt": "T\n\nD\n\none\ntwo", "files": ("a.js", "b.js"), "priority": 1, "kind": TaskKind.EDIT}),
        (_I, {"old_id": "t-9", "files": ("a.js",), "priority": 5}),
    ],
    ids=list("abcdefghi"),
)
def test_every_shape_is_read(raw: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each of the nine shapes says who, what, how urgent, and what it was called."""
    asked = _asked(raw)
    assert {name: getattr(asked, name) for name in expected} == expected
    assert asked.title


def test_a_todo_is_read_with_its_data() -> None:
    """A todo is a task of the agent that did them; its data is told with it, its id found whatever was added."""
    raw = {"id": "todo_1_x", "description": "tidy", "type": "t", "priority": "deferred", "data": {"n": 1}}
    asked = _asked(raw, lane="todos")
    assert (asked.agent, asked.prompt, asked.priority, asked.old_id) == ("claude", 'tidy\n\n{"n":1}', 9, "todo_1_x")
    assert todo_id(json.dumps(raw | {"assigned_to": "x"}).encode()) == "todo_1_x"
    assert todo_id(b"no json") == ""


def test_the_level_of_the_list_goes_before_that_of_the_entry() -> None:
    """An entry in the list of a priority has that one."""
    assert _asked({"file": "a", "prompt": "p", "priority": "low"}, level="critical").priority == 1


def test_a_dead_letter_is_read_as_the_task_it_was() -> None:
    """What was added when it died does no harm."""
    raw = _B | {"failedAt": 1, "reason": "r", "originalQueue": "queue:gpt-4o"}
    assert _asked(raw).prompt == "p"


@pytest.mark.parametrize(
    ("raw", "lane", "why"),
    [
        (b"", "gpt-4o", "not JSON"),
        (b"{broken", "gpt-4o", "not JSON"),
        (b"\xff\xfe", "gpt-4o", "not JSON"),
        (b'{"file": "\xff", "prompt": "p"}', "gpt-4o", "not JSON"),
        (b"[" * 100_000, "gpt-4o", "not"),
        (b'"text"', "gpt-4o", "shape"),
        (b'{"file": 5, "prompt": "p"}', "gpt-4o", "shape"),
        (b'{"file": "a.js"}', "gpt-4o", "no prompt"),
        (b'{"file": "a.js", "prompt": "  "}', "gpt-4o", "no prompt"),
        (b"{}", "gpt-4o", "no prompt"),
        (b'{"file": "a", "prompt": "p"}', "kimi-2", "--map kimi-2=AGENT"),
        (b'{"file": "a", "prompt": "p", "apiKey": "sk-1"}', "gpt-4o", "secret in its field 'apiKey'"),
        (b'{"prompt": "' + b"x" * ENTRY_MAX_BYTES + b'"}', "gpt-4o", "limit"),
    ],
)
def test_what_cannot_be_a_task_says_why(raw: bytes, lane: str, why: str) -> None:
    """Broken, missing and too much: each is refused with its reason, and the reason never holds a secret."""
    with pytest.raises(Unmapped, match=why) as refusal:
        _asked(raw, lane=lane)
    assert "sk-1" not in str(refusal.value)


def test_a_map_gives_a_queue_an_agent() -> None:
    """The operator's word makes tasks of a queue that no agent here would do."""
    assert _asked({"prompt": "p"}, lane="kimi-2", **{"kimi-2": "gpt"}).agent == "gpt"


def test_the_digest_follows_a_task_into_processing() -> None:
    """Moved from a queue to its processing list an entry is the same; a second one with its bytes is another."""
    queued = OldEntry(part=Part.QUEUE, key="queue:g", lane="g", raw=b"x")
    begun = OldEntry(part=Part.PROCESSING, key="processing:g", lane="g", raw=b"x")
    assert queued.digest == begun.digest
    others = [
        OldEntry(part=Part.QUEUE, key="queue:g", lane="g", raw=b"x", number=2),
        OldEntry(part=Part.QUEUE, key="queue:h", lane="h", raw=b"x"),
        OldEntry(part=Part.LEVEL, key="queue:g:p:low", lane="g", level="low", raw=b"x"),
        OldEntry(part=Part.QUEUE, key="queue:g", lane="g", raw=b"y"),
    ]
    assert len({queued.digest, *(one.digest for one in others)}) == 5
