"""`/api/messages`, `/api/notes`: what users and agents write to each other, and what they learned of the workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import Empty, answer, read_body
from ezaigents.api.route import Query, Route
from ezaigents.api.services import Services
from ezaigents.clock import SystemClock
from ezaigents.errors import InputError
from ezaigents.team import USER, Message, Note, Notes

_OF = Query(name="agent", schema={"type": "string"}, what="Only those to or from this agent, `+capability` or `user`.")
_T = TypeVar("_T")


class Messages(msgspec.Struct, frozen=True):
    """The messages of the last hour, oldest first."""

    messages: list[Message]


class NewMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`to`: an agent, `+capability`, or `all`. `type`: what sort of message it is."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "note"


class Sent(msgspec.Struct, frozen=True):
    """A line for each sort of recipient: when it reads the message."""

    sent: list[str]


class NoteList(msgspec.Struct, frozen=True):
    """What `ez notes --json` prints."""

    notes: list[Note]


class NewNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`text`: at most 500 bytes. `pinned`: kept until it is unpinned or removed."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    pinned: bool = False


class NoteChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None
    pinned: bool | None = None


async def messages(request: Request) -> Response:
    """Show them; none is taken from a mailbox by looking."""
    operator = Services.of(request).client.operator
    of = request.query_params.get("agent", "")
    return answer(request, Messages([one async for one in operator.conversation(of)]))


async def write(request: Request) -> Response:
    """Write to agents, as the user."""
    asked: NewMessage = await read_body(request, NewMessage)
    sent = await Services.of(request).client.operator.write_to(asked.to, asked.text, kind=asked.type)
    return answer(request, Sent(sent), 201)


async def notes(request: Request) -> Response:
    """The notes on this workspace."""
    return answer(request, NoteList(await _on_notes(request, lambda notes, place: notes.all(place))))


async def add_note(request: Request) -> Response:
    """Write one down."""
    asked: NewNote = await read_body(request, NewNote)
    made = await _on_notes(request, lambda notes, place: notes.add(place, asked.text, author=USER, pinned=asked.pinned))
    return answer(request, made, 201)


async def change_note(request: Request) -> Response:
    """Give it another text, pin or unpin it."""
    asked: NoteChange = await read_body(request, NoteChange)
    if asked.text is None and asked.pinned is None:
        raise InputError("body", "changes nothing: give text, pinned or both")
    note_id = request.path_params["id"]

    def change(notes: Notes, place: str) -> Note:
        if asked.pinned is None:
            return notes.edit(place, note_id, str(asked.text), author=USER)
        if asked.text is not None:
            notes.edit(place, note_id, asked.text, author=USER)
        return (notes.pin if asked.pinned else notes.unpin)(place, note_id)

    return answer(request, await _on_notes(request, change))


async def remove_note(request: Request) -> Response:
    """Forget it."""
    await read_body(request, Empty)
    note_id = request.path_params["id"]
    return answer(request, await _on_notes(request, lambda notes, place: notes.remove(place, note_id)))


async def _on_notes(request: Request, do: Callable[[Notes, str], _T]) -> _T:
    services = Services.of(request)
    settings = services.settings
    notes = Notes(settings.home_path / "notes", SystemClock(), keep_days=settings.note_days)
    return await asyncio.to_thread(do, notes, services.client.place)


ROUTES = (
    Route(
        method="GET", path="/api/messages", role=Role.READ, endpoint=messages, gives=Messages, queries=(_OF,),
        raises=(422,), what="The messages of the last hour; none is taken by looking.",
    ),
    Route(
        method="POST", path="/api/messages", role=Role.OPERATE, endpoint=write, takes=NewMessage, gives=Sent,
        status=201, raises=(402, 422), what="Write to agents, as the user.",
    ),
    Route(
        method="GET", path="/api/notes", role=Role.READ, endpoint=notes, gives=NoteList,
        what="The notes on this workspace, which agents are told.",
    ),
    Route(
        method="POST", path="/api/notes", role=Role.OPERATE, endpoint=add_note, takes=NewNote, gives=Note,
        status=201, raises=(402, 422), what="Write a note down.",
    ),
    Route(
        method="POST", path="/api/notes/{id}", role=Role.OPERATE, endpoint=change_note, takes=NoteChange, gives=Note,
        raises=(402, 422), what="Give a note another text, pin or unpin it.",
    ),
    Route(
        method="POST", path="/api/notes/{id}/remove", role=Role.OPERATE, endpoint=remove_note, takes=Empty, gives=Note,
        raises=(422,), what="Forget a note.",
    ),
)  # fmt: skip
