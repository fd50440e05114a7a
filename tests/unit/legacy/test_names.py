"""What the old system's names stand for."""

from __future__ import annotations

import pytest

from ezaigents.legacy.names import Part, agent_of, class_of, kind_of, rank_of, result_name, secret_field
from ezaigents.records import TaskKind


@pytest.mark.parametrize(
    ("key", "part", "lane", "level"),
    [
        ("queue:gpt-4o", Part.QUEUE, "gpt-4o", ""),
        ("queue:gpt-4o:p:high", Part.LEVEL, "gpt-4o", "high"),
        ("queue:gpt-4o:failed", Part.QUEUE, "gpt-4o", ""),
        ("queue:enhancement:security-layer:p:low", Part.LEVEL, "enhancement:security-layer", "low"),
        ("queue:src/a.js", Part.QUEUE, "src/a.js", ""),
        ("processing:gpt-4o", Part.PROCESSING, "gpt-4o", ""),
        ("processing:queue:gpt-4o", Part.PROCESSING_HASH, "gpt-4o", ""),
        ("dlq:gpt-4o", Part.DEAD, "gpt-4o", ""),
        ("queue:todos", Part.TODOS, "todos", ""),
        ("queue:todos:processing", Part.TODOS_TAKEN, "todos", ""),
        ("task:6f1:task-3", Part.PROJECT, "", ""),
        ("enrolled:agent:6f1", Part.SECRET, "", ""),
        ("something", Part.UNKNOWN, "", ""),
    ],
)
def test_a_key_is_known_by_its_name(key: str, part: Part, lane: str, level: str) -> None:
    """Keys with tasks are told from each other, with their queue and priority."""
    found = class_of(key)
    assert (found.part, found.lane, found.level) == (part, lane, level)


@pytest.mark.parametrize(
    "key",
    [
        "agents:registry", "agents:heartbeats", "agent:gpt-1", "agent:gpt-1:status", "agent:ports:reserved",
        "messages:gpt-1", "agent:chat:messages", "dedup:queue:gpt-4o:abc", "analytics:queue:gpt-4o:enqueued:total",
        "queue:gpt-4o:stats:count:low", "queue:gpt-4o:priorities", "queue:gpt-4o:paused", "queue:emergency_stop",
        "queue:failures", "archive:dlq:gpt-4o:2025-07-01", "dlq:log:dlq:gpt-4o", "txlog:queue:gpt-4o", "task:results",
        "queue:tasks", "queue:analytics", "smart:selection_log", "project:6f1", "lock:src/a.js", "file:lock:L2E=",
        "autoscaler:config", "tokens:gpt-1:2025-07", "task:6f1:tokens", "shared:state:agent:x", "todo:metrics",
        "ez:legacy:6f1:taken", "task-assignment:6f1", "coordination:c", "health:x", "api:health:gpt-4o:1",
    ],
)  # fmt: skip
def test_what_holds_no_tasks_is_known_too(key: str) -> None:
    """Every other key of the old system is named and says why it is not imported."""
    found = class_of(key)
    assert found.part is Part.KNOWN
    assert found.group


def test_agents_kinds_and_ranks() -> None:
    """Queues of one company's models lead to one agent; the operator's word comes first; types and levels map."""
    assert [agent_of(lane, (), {}) for lane in ("claude-3-opus", "gpt-4", "deepseek-r1", "command-r-plus")] == [
        "claude",
        "gpt",
        "deepseek",
        "mistral",
    ]
    assert agent_of("mistral-large", (), {"mistral-large": "gpt"}) == "gpt"
    assert agent_of("enhancement:x", ("gpt-4o",), {}) == "gpt"
    assert agent_of("kimi-2", (), {}) == ""
    assert [kind_of(kind, "claude") for kind in ("refactor-core", "test-utils", "docgen", "analysis", "")] == [
        TaskKind.EDIT,
        TaskKind.TEST,
        TaskKind.DOCUMENT,
        TaskKind.ANALYZE,
        TaskKind.EDIT,
    ]
    assert kind_of("", "gemini") is TaskKind.ANALYZE
    ranks = [rank_of(level) for level in ("critical", "high", "normal", "low", "deferred")]
    assert ranks == sorted(set(ranks))
    assert rank_of("", None, 7, "nonsense") == rank_of("normal")


def test_results_are_named_as_the_old_agents_named_them() -> None:
    """Slashes become two underscores; three agents have a prefix of their own."""
    names = [result_name(agent, "src/a.js", "x") for agent in ("gpt", "mistral", "deepseek", "gemini")]
    assert names == ["src__a.js", "doc__src__a.js", "test__src__a.js", "gemini_analysis__src__a.js.md"]
    assert result_name("gpt", "", "task-1") == "task__task-1.md"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"apiKey": "x"}', "apiKey"),
        (b'{"a": {"OPENAI_API_KEY" : "x"}}', "OPENAI_API_KEY"),
        (b'{"prompt": "set \\"password\\": to what it was"}', ""),
        (b'{"prompt": "x", "tokens": 3}', ""),
        (b'"' + b"password" * 200_000, ""),
    ],
)
def test_a_field_that_holds_a_secret_is_seen(raw: bytes, field: str) -> None:
    """Names of fields count, not words within values; a hostile entry takes no long time."""
    assert secret_field(raw) == field
