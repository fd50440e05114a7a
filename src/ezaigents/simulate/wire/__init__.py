"""The wire forms. Job: find the one that a path belongs to. Not its job: what is answered, and HTTP."""

from __future__ import annotations

from ezaigents.simulate.wire.chat import Chat
from ezaigents.simulate.wire.form import Wire
from ezaigents.simulate.wire.messages import Messages
from ezaigents.simulate.wire.responses import Responses

__all__ = ["Wire", "wire_of"]

_ENDINGS: tuple[tuple[str, Wire], ...] = (
    ("/chat/completions", Chat()),
    ("/responses", Responses()),
    ("/messages", Messages()),
)


def wire_of(path: str) -> Wire | None:
    """The form of a path, by how it ends: base URLs differ in what comes before."""
    return next((wire for ending, wire in _ENDINGS if path.endswith(ending)), None)
