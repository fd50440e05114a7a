"""What a model is told of the tools."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.agents.tools.desk import Desk, Ran

from ezaigents.agents.tools import TOOL_NAMES, Toolbox
from ezaigents.agents.tools.specs import TOOLS, Tool

_MOST_BYTES = 3600
"""About 900 tokens: they are sent with every call."""


def _wire(box: Toolbox) -> bytes:
    return msgspec.json.encode(
        [
            {"name": spec.name, "description": spec.description, "input_schema": msgspec.Raw(spec.schema.encode())}
            for spec in box.specs()
        ]
    )


def test_all_tools_together_cost_little(desk: Desk) -> None:
    """Names, descriptions and schemas stay within about 900 tokens."""
    assert len(_wire(Toolbox(desk, commands=Ran()))) <= _MOST_BYTES


def _fields(kind: Any) -> dict[str, bool]:
    return {field.encode_name: field.required for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOL_NAMES)
def test_a_schema_says_what_is_decoded(tool: Tool) -> None:
    """Each tool's schema has the fields of its record, requires the same ones, and allows no others."""
    schema = msgspec.json.decode(tool.spec.schema)
    needed = {name: name in schema["required"] for name in schema["properties"]}
    assert needed == _fields(tool.kind)
    assert schema["additionalProperties"] is False


def test_tools_come_in_one_order(desk: Desk) -> None:
    """Whatever order they are allowed in, the model is told of them in the same one, so that it can be cached."""
    one = Toolbox(desk, allowed=["finish", "read", "edit"])
    assert [spec.name for spec in one.specs()] == ["read", "edit", "finish"]


def test_without_commands_there_is_no_run(desk: Desk) -> None:
    """A model is not told of a tool that it cannot have, and hears why when it asks for it."""
    box = Toolbox(desk, why_no_commands="no sandbox works here")
    assert "run" not in [spec.name for spec in box.specs()]
    assert "run" in [spec.name for spec in Toolbox(desk, commands=Ran()).specs()]
    assert [box.is_effectful(name) for name in ("run", "edit", "write")] == [True, False, False]
