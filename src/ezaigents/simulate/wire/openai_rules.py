"""What Responses and Chat Completions refuse alike. Job: these checks. Not its job: what only one of them has."""

from __future__ import annotations

import re
from typing import Any

from ezaigents.simulate.asked import Refused
from ezaigents.simulate.wire.checking import Misfit, Why

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_REASONS = re.compile(r"(?:gpt-(?:[5-9]|\d\d)|o\d)")


def reasons(model: str) -> bool:
    """Say whether it is one of OpenAI's models that take no sampling parameters."""
    return _REASONS.match(model) is not None


def refused(misfit: Misfit, unknown: str) -> Refused:
    """A misfit in OpenAI's words; `unknown`: how this dialect calls a field it does not know."""
    path = re.sub(r"\.(\d+)", r"[\1]", misfit.path)
    if misfit.why is Why.UNKNOWN:
        return Refused(400, unknown.format(path), param=path, code="unknown_parameter")
    if misfit.why is Why.MISSING:
        said = f"Missing required parameter: '{path}'."
        return Refused(400, said, param=path, code="missing_required_parameter")
    return Refused(400, f"Invalid value for '{path}': {misfit.message}.", param=path, code="invalid_type")


def check_tool_name(name: str, param: str) -> None:
    """Raises Refused."""
    if not _NAME.match(name):
        raise Refused(
            400,
            f"Invalid '{param}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            param=param,
            code="invalid_value",
        )


def check_strict(name: str, schema: dict[str, Any], param: str) -> None:
    """A strict schema names all its properties as required and lets no others in. Raises Refused."""
    wrong = ""
    if schema.get("additionalProperties") is not False:
        wrong = "'additionalProperties' is required to be supplied and to be false."
    elif set(schema.get("required", ())) != set(schema.get("properties", {})):
        wrong = "'required' is required to be supplied and to be an array including every key in properties."
    if wrong:
        said = f"Invalid schema for function '{name}': In context=(), {wrong}"
        raise Refused(400, said, param=param, code="invalid_function_parameters")
