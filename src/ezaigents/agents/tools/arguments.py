"""What a call carries, checked. Job: JSON text of any kind to a frozen record, or a short word on what is wrong.

Not its job: what the arguments mean (the tools), what a model is told of them (specs).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

import msgspec

from ezaigents.agents.tools.quoting import one_line

ARGUMENTS_MOST_BYTES = 1024 * 1024
_PROBLEM_MOST = 200
_EDITS_MOST = 200
_Count = Annotated[int, msgspec.Meta(ge=1)]
_Sha256 = Annotated[str, msgspec.Meta(min_length=64, max_length=64, pattern="^[0-9a-f]*$")]


class BadCall(Exception):
    """The call itself is wrong; `str()` is for the model."""


class _Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models say null for what they leave out, so None stands for the default everywhere."""


class Read(_Arguments, frozen=True):
    path: str
    offset_line: _Count | None = None
    lines: _Count | None = None


class List(_Arguments, frozen=True):
    path: str | None = None
    depth: _Count | None = None


class Search(_Arguments, frozen=True):
    pattern: str
    path: str | None = None
    most: _Count | None = msgspec.field(default=None, name="max")


class Replacement(_Arguments, frozen=True):
    old: str
    new: str
    count: _Count | None = None


class Edit(_Arguments, frozen=True):
    path: str
    sha256: _Sha256
    edits: Annotated[tuple[Replacement, ...], msgspec.Meta(min_length=1, max_length=_EDITS_MOST)]


class Write(_Arguments, frozen=True):
    path: str
    content: str
    sha256: _Sha256 | None = None


class Delete(_Arguments, frozen=True):
    path: str
    sha256: _Sha256


class Rename(_Arguments, frozen=True):
    path: str
    to: str
    sha256: _Sha256


class Run(_Arguments, frozen=True):
    argv: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    cwd: str | None = None
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Note(_Arguments, frozen=True):
    text: str


class Done(_Arguments, frozen=True):
    summary: str
    evidence: str | None = None


Arguments = Read | List | Search | Edit | Write | Delete | Rename | Run | Note | Done
_A = TypeVar("_A")


def decoded(text: str, kind: type[_A]) -> _A:
    """Turn the text of a call into `kind`; an empty one is an empty object. Raises BadCall naming the field."""
    try:
        data = text.encode("utf-8") or b"{}"
    except UnicodeEncodeError as error:
        raise BadCall("the arguments are not valid Unicode") from error
    if len(data) > ARGUMENTS_MOST_BYTES:
        raise BadCall(f"the arguments have {len(data):,} bytes, limit {ARGUMENTS_MOST_BYTES:,}; do it in smaller calls")
    try:
        arguments = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_without_doubles)
    except msgspec.ValidationError as error:
        raise BadCall(one_line(str(error), _PROBLEM_MOST)) from error
    except (ValueError, RecursionError) as error:
        raise BadCall(f"the arguments are not one JSON object ({one_line(str(error), _PROBLEM_MOST)})") from error
    return arguments


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # msgspec takes the last of two; which one a model meant, nobody knows.
    whole = dict(pairs)
    if len(whole) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadCall(f"the field `{one_line(twice, 40)}` is given twice")
    return whole
