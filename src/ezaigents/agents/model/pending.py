"""Tools that were about to be used when the host died. Job: say whether they can be used now without doing it twice."""

from __future__ import annotations

import asyncio

import msgspec

from ezaigents.agents import Context
from ezaigents.codec import from_json
from ezaigents.errors import EzError
from ezaigents.providers import ToolCall
from ezaigents.workspace import FileMissing


class _Change(msgspec.Struct):
    path: str = ""
    sha256: str | None = None


async def outcome_is_unknown(call: ToolCall, context: Context) -> bool:
    """Whether a call that was meant and has no result may have had an effect.

    A change of a file whose content is still what the call expects has not happened; it is safe to make it now.
    """
    if call.name not in ("edit", "write", "delete", "rename"):
        return True
    try:
        change = from_json(call.arguments, _Change)
        found: str | None = (await asyncio.to_thread(context.files.read, change.path)).sha256
    except FileMissing:
        found = None
    except (msgspec.DecodeError, ValueError, EzError):
        return False  # it fails now as it failed then
    return found != change.sha256
