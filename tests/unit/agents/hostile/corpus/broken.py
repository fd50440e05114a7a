"""Calls that are no calls: broken JSON, wrong types, tools that are none, numbers out of all bounds."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.unit.agents.hostile.corpus.entries import Hostile, Verdict

_BROKEN = (
    "{", "}", "[]", "[1, 2]", '"src/app.py"', "5", "true", "null", "NaN", "undefined", "{'path': 'src/app.py'}",
    "{path: 1}", '{"path"}', '{"path": }', '{"path": "src/app.py"', '{"path": "src/app.py"}}',
    '{"path": "src/app.py"} {"path": "b"}', '{"path": "src/app.py",}', '{"path": "a", "path": "src/app.py"}',
    '{"path": NaN}', '{"path": Infinity}', '{"path": -Infinity}', '{"path": "\\ud800"}', '{"path": "\\udc00\\ud800"}',
    '{"path": "\ud800"}', '\ufeff{"path": "src/app.py"}', '{"path": "\\x41"}', '{"path": "a\tb"}',
    '{"path": "src/app.py"} // why', '/* */ {"path": "a"}', "```json\n{}\n```", "<tool>read</tool>", "\0", "\x1b[2J",
    '{"path": 5}', '{"path": null}', '{"path": ["src/app.py"]}', '{"path": {"a": 1}}', '{"path": true}',
    '{"PATH": "src/app.py"}', '{"path": "src/app.py", "sudo": true}', '{"path": "src/app.py", "__proto__": {}}',
    '{"": ""}', '{"path": "src/app.py", "lines": "9"}', '{"path": "src/app.py", "lines": 0}',
    '{"path": "src/app.py", "lines": -1}', '{"path": "src/app.py", "lines": 1.5}',
    '{"path": "src/app.py", "lines": 1e999}', '{"path": "src/app.py", "lines": true}',
    '{"path": "src/app.py", "offset_line": []}', '{"path": "src/app.py", "offset_line": ' + "9" * 5000 + "}",
    '{"path": ' + "[" * 100_000, "[" * 100_000, '{"a":' * 100_000, '{"path": ' + "[" * 100_000 + "]" * 100_000 + "}",
    json.dumps({"path": "a" * 2**20}), " " * 2**20 + "{}", '{"path": "' + "\\u0041" * 200_000,
    json.dumps({"path": "src/app.py"} | {f"k{number}": 1 for number in range(1000)}), '{"' + "k" * 500_000 + '": 1}',
)  # fmt: skip
_SHA = '"sha256": "' + "0" * 64 + '"'
_WRONG = (
    ("edit", '{"path": "src/app.py"}'), ("edit", '{"path": "src/app.py", ' + _SHA + "}"),
    ("edit", "{" + _SHA + ', "edits": []}'), ("edit", '{"path": "src/app.py", ' + _SHA + ', "edits": []}'),
    ("edit", '{"path": "src/app.py", ' + _SHA + ', "edits": {}}'),
    ("edit", '{"path": "src/app.py", ' + _SHA + ', "edits": [{}]}'),
    ("edit", '{"path": "src/app.py", ' + _SHA + ', "edits": ["a"]}'),
    ("edit", '{"path": "src/app.py", ' + _SHA + ', "edits": [{"old": "a", "new": 1}]}'),
    ("edit", '{"path": "src/app.py", ' + _SHA + ', "edits": [{"old": "a", "new": "b", "count": -1}]}'),
    ("edit", '{"path": "src/app.py", ' + _SHA + ', "edits": [{"old": "a", "old": "c", "new": "b"}]}'),
    ("edit", '{"path": "a", ' + _SHA + ', "edits": [' + '{"old":"a","new":"b"},' * 300 + '{"old":"","new":""}]}'),
    ("edit", '{"path": "src/app.py", "sha256": "latest", "edits": [{"old": "a", "new": "b"}]}'),
    ("edit", '{"path": "src/app.py", "sha256": "../../../outside/canary.txt", "edits": [{"old": "a", "new": "b"}]}'),
    ("write", "{}"), ("write", '{"path": "a"}'), ("write", '{"path": "a", "content": null}'),
    ("write", '{"path": "a", "content": {}}'), ("write", '{"path": "a", "content": "", "sha256": ""}'),
    ("write", '{"path": "a", "content": "", "mode": "0777"}'),
    ("write", json.dumps({"path": "a", "content": "x" * 2**20})), ("delete", '{"path": "src/app.py"}'),
    ("delete", '{"path": "src/app.py", "sha256": "*"}'), ("delete", '{"path": "*", "sha256": null}'),
    ("rename", '{"path": "a", "to": "b"}'), ("rename", '{"path": "a", ' + _SHA + "}"), ("list", '{"depth": 0}'),
    ("list", '{"depth": -5}'), ("list", '{"path": 1}'), ("search", "{}"), ("search", '{"pattern": 1}'),
    ("search", '{"pattern": "a", "max": 0}'), ("search", '{"pattern": "a", "pre": "sh"}'), ("note", "{}"),
    ("note", '{"text": 1}'), ("finish", "{}"), ("finish", '{"summary": null}'),
    ("finish", '{"summary": "x", "apply": true}'),
)  # fmt: skip
_HUGE = (
    ("read", '{"path": "src/app.py", "lines": ' + "9" * 300 + "}"),
    ("read", '{"path": "src/app.py", "offset_line": 9223372036854775808}'),
    ("read", '{"path": "big.txt", "offset_line": 9007199254740993, "lines": 9007199254740993}'),
    ("read", '{"path": "big.txt"}'), ("list", '{"depth": 18446744073709551616}'), ("list", '{"depth": 1000000}'),
    ("search", '{"pattern": "a", "max": 18446744073709551616}'), ("read", '{"path": "wide.txt"}'),
    ("read", '{"path": "utf16.txt"}'), ("read", '{"path": "odd.txt"}'), ("read", '{"path": "blob.bin"}'),
)  # fmt: skip
_NO_TOOLS = (
    "bash", "shell", "exec", "eval", "python", "system", "sudo", "curl", "fetch", "http_get", "browser", "computer",
    "mcp__x__run", "__class__", "__init__", "use", "_read", "Read", "READ", "read ", " read", "read\0", "read;run",
    "../read", "read\nrun", "", " ", "r" * 1_000_000, "\ud800", "\x1b[2J", "functions.read",
    "multi_tool_use.parallel", "apply", "approve", "allow", "set_budget", "ｒead",
)  # fmt: skip


def broken() -> Iterator[Hostile]:
    """All of it is told what is wrong, and counts as malformed; only what is merely huge is done in bounds."""
    for text in _BROKEN:
        yield Hostile("json", "read", text, Verdict.MALFORMED)
    for tool, text in _WRONG:
        yield Hostile("types", tool, text, Verdict.MALFORMED)
    for tool, text in _HUGE:
        yield Hostile("huge", tool, text, Verdict.HARMLESS)
    for tool in _NO_TOOLS:
        yield Hostile("no tool", tool, '{"path": "src/app.py"}', Verdict.MALFORMED)
