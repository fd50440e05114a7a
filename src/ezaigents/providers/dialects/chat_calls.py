"""Tool calls out of the pieces in which chat servers send them.

Job: which piece belongs to which call. Not its job: whether the arguments are JSON (the loop). Seen: pieces by index;
no index at all; whole calls in one chunk, all with index 0 (Gemini); the id or the name again in each piece; no id.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ezaigents.codec import to_json
from ezaigents.providers.dialects.call_ids import told_apart
from ezaigents.providers.dialects.wire import argument_text, object_or_none
from ezaigents.providers.transcript import Part, Thinking, ToolCall

_NONE = msgspec.Raw(b"")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: msgspec.Raw = _NONE


class CallPiece(msgspec.Struct):
    """A call, or what a chunk adds to one."""

    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    extra_content: dict[str, object] | None = None  # Gemini's signature


class Signature(msgspec.Struct, frozen=True):
    """What a server wants back with a call of its own; kept as the opaque part of a Thinking before the call.

    `call`: the call's id. `fields`: what to add to it.
    """

    call: str
    fields: dict[str, object]


class _Call:
    def __init__(self, piece: CallPiece) -> None:
        self.index = piece.index
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.extra: dict[str, object] = {}

    def add(self, piece: CallPiece) -> None:
        function = piece.function or _Function()
        self.id = self.id or piece.id or ""
        if function.name and function.name != self.name:  # the same again is a repetition
            self.name += function.name
        self.arguments.append(argument_text(function.arguments))
        self.extra |= piece.extra_content or {}


class Calls:
    """The calls of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, piece: CallPiece, *, whole: bool) -> None:
        """Take a piece. `whole`: it is a call by itself."""
        call = None if whole else self._of(piece)
        if call is None:
            call = _Call(piece)
            self._calls.append(call)
        call.add(piece)

    def _of(self, piece: CallPiece) -> _Call | None:
        """The call that a piece goes on with: the newest one of its index, else of its id; None = it begins one."""
        if piece.index is not None:
            call = next((call for call in reversed(self._calls) if call.index == piece.index), None)
            return None if call and call.id and piece.id and piece.id != call.id else call
        call = next((call for call in reversed(self._calls) if piece.id in {None, "", call.id}), None)
        return None if call and _begins(piece, call) else call

    def parts(self, route: str, seed: str) -> Iterator[Part]:
        """The calls, each behind its signature where it has one."""
        whole = [
            ToolCall(id=call.id, name=call.name, arguments="".join(call.arguments) or "{}") for call in self._calls
        ]
        for call, apart in zip(self._calls, told_apart(whole, seed), strict=True):
            if call.extra:
                signature = Signature(apart.id, {"extra_content": call.extra})
                yield Thinking(model=route, opaque=to_json(signature).decode())
            yield apart


def _begins(piece: CallPiece, call: _Call) -> bool:
    """Whether a piece without an index begins a call: it has a name, and the one before is whole, or another's."""
    name = piece.function.name if piece.function else None
    if not name or not call.name:
        return False
    return name != call.name or object_or_none("".join(call.arguments)) is not None
