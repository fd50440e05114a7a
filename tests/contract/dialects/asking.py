"""Requests that use all that a Request has."""

from __future__ import annotations

import msgspec

from ezaigents.providers.transcript import Request, Role, Text, Thinking, ToolCall, ToolResult, ToolSpec, Turn

ROUTE = "somebody:some-model"
READ = ToolSpec(
    name="read",
    description="Read a window of a file.",
    schema='{"type":"object","properties":{"path":{"type":"string"}},"required":["path"],"additionalProperties":false}',
)
LIST = ToolSpec(name="list", description="List files.", schema='{"type":"object","properties":{}}')

BARE = Request(system="", turns=(Turn(Role.USER, (Text("Hello."),)),), model="some-model", stream=False)


def full(*thinking: Thinking) -> Request:
    """A task after one step: two calls of tools, one of which failed. `thinking`: what the model thought before."""
    return Request(
        system="You are careful.",
        turns=(
            Turn(Role.USER, (Text("Add hints."),)),
            Turn(
                Role.ASSISTANT,
                (
                    *thinking,
                    Text("I look."),
                    ToolCall(id="call_A", name="read", arguments='{"path": "é.py"}'),
                    ToolCall(id="call_B", name="list", arguments="{}"),
                ),
            ),
            Turn(
                Role.USER,
                (
                    ToolResult(call="call_A", text="no such file", failed=True),
                    ToolResult(call="call_B", text="e.py"),
                    Text("Four steps are left."),
                ),
            ),
        ),
        tools=(READ, LIST),
        model="some-model",
        max_output_tokens=4000,
        effort="high",
        cache_key="task-1",
    )


def grown(steps: int) -> Request:
    """A task after so many steps."""
    turns = [Turn(Role.USER, (Text("Add type hints to every function of this package. " * 20),))]
    for step in range(steps):
        call = ToolCall(id=f"call_{step}", name="read", arguments=f'{{"path": "src/file_{step}.py"}}')
        turns += [
            Turn(Role.ASSISTANT, (Text(f"Step {step}: I read the next file."), call)),
            Turn(Role.USER, (ToolResult(call=call.id, text=f"def function_{step}(a, b):\n    return a + b\n" * 30),)),
        ]
    return msgspec.structs.replace(full(), turns=tuple(turns))
