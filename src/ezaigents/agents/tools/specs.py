"""The tools as a model is told of them.

Job: names, descriptions and schemas in few tokens, for they are sent with every call. Not its job: what they do.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ezaigents.agents.tools import arguments as args
from ezaigents.codec import from_json, to_json
from ezaigents.providers.transcript import ToolSpec

_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_SECONDS = {"type": "number"}


def _object(needed: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    fields = needed | (optional or {})
    return {"type": "object", "properties": fields, "required": list(needed), "additionalProperties": False}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


class Tool(msgspec.Struct, frozen=True):
    """A tool: how a model is told of it, and the record that its arguments become."""

    spec: ToolSpec
    kind: type[args.Arguments]

    @property
    def shape(self) -> str:
        """Its arguments in short: `{path: string, lines?: integer}`."""
        return _shape(from_json(self.spec.schema, dict))


def _tool(name: str, kind: type[args.Arguments], description: str, schema: dict[str, Any]) -> Tool:
    return Tool(ToolSpec(name=name, description=description, schema=to_json(schema).decode()), kind)


_REPLACEMENT = _object({"old": _TEXT, "new": _TEXT}, {"count": _WHOLE})
_ALL = (
    _tool(
        "read",
        args.Read,
        "Lines of a file (at most 400) and its sha256, which changing it needs. Paths are relative to the workspace.",
        _object({"path": _TEXT}, {"offset_line": _WHOLE, "lines": _WHOLE}),
    ),
    _tool(
        "list",
        args.List,
        "Files and folders beneath a folder, without ignored ones. depth: 2 unless given.",
        _object({}, {"path": _TEXT, "depth": _WHOLE}),
    ),
    _tool(
        "search",
        args.Search,
        "Find a regular expression, line by line, in the files beneath path. max: 100 unless given.",
        _object({"pattern": _TEXT}, {"path": _TEXT, "max": _WHOLE}),
    ),
    _tool(
        "edit",
        args.Edit,
        "Replace exact texts in a file, all or none. old: there exactly count times (1 unless given). "
        "Answers with the new sha256.",
        _object({"path": _TEXT, "sha256": _TEXT, "edits": _list_of(_REPLACEMENT)}),
    ),
    _tool(
        "write",
        args.Write,
        "Make a new file (no sha256), or replace all of one.",
        _object({"path": _TEXT, "content": _TEXT}, {"sha256": _TEXT}),
    ),
    _tool("delete", args.Delete, "Delete a file.", _object({"path": _TEXT, "sha256": _TEXT})),
    _tool("rename", args.Rename, "Move a file to a free name.", _object({"path": _TEXT, "to": _TEXT, "sha256": _TEXT})),
    _tool(
        "run",
        args.Run,
        "Run a program without a shell and without network. cwd: a folder of the workspace.",
        _object({"argv": _list_of(_TEXT)}, {"cwd": _TEXT, "timeout_s": _SECONDS}),
    ),
    _tool(
        "note",
        args.Note,
        "Note a fact about this workspace for later tasks (at most 500 bytes).",
        _object({"text": _TEXT}),
    ),
    _tool(
        "finish",
        args.Done,
        "End the task. summary: what you did. evidence: how you know that it is right.",
        _object({"summary": _TEXT}, {"evidence": _TEXT}),
    ),
)
TOOLS = {tool.spec.name: tool for tool in _ALL}
"""By name, in the order in which a model is told of them: always the same, so that the prefix can be cached."""
TOOL_NAMES = tuple(TOOLS)


def _shape(schema: dict[str, Any]) -> str:
    if schema["type"] == "array":
        return f"[{_shape(schema['items'])}]"
    if schema["type"] != "object":
        return str(schema["type"])
    needed = schema["required"]
    fields = (f"{name}{'' if name in needed else '?'}: {_shape(kind)}" for name, kind in schema["properties"].items())
    return f"{{{', '.join(fields)}}}"
