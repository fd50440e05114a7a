"""`/api/events` and `/ws`: what happens, as it happens. Not its job: reading the engine (hub)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ezaigents.access import Grant, Role
from ezaigents.api.answers import left
from ezaigents.api.failing import PROBLEM, problem
from ezaigents.api.hub import EncodedUpdate, Hub, Update
from ezaigents.api.route import Query, Route
from ezaigents.api.services import Services
from ezaigents.client import check_ids, place_of_event
from ezaigents.errors import EzError, InputError

_log = logging.getLogger(__name__)
KEEP_ALIVE_S = 55.0
"""A comment as often as this keeps proxies from taking silence for the end."""
OUTPUTS_MOST = 16
_AGAIN_MS = 1000
_NOT_PUSHED = "nothing is pushed here: the setting dashboard_push is false; read again what you show, every few seconds"
_SINCE = Query(name="since", schema={"type": "string"}, what="Id of the last event heard: what was missed comes first.")
_LAST = Query(name="Last-Event-ID", where="header", schema={"type": "string"}, what="The same; browsers send it.")
_OUTPUT = Query(
    name="output",
    schema={"type": "array", "items": {"type": "string"}, "maxItems": OUTPUTS_MOST},
    what="Ids of running tasks whose output is wanted too, as task-output.",
)


class EventStream(Response):
    """Server-sent events, until the reader leaves, the site closes, or his access was taken back."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, since: str, outputs: Sequence[str], may_hear: Callable[[], bool]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._may_hear = may_hear
        self._since = since
        self._outputs = outputs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(_body(f"retry: {_AGAIN_MS}\n\n".encode()))
        leaving = asyncio.ensure_future(left(receive, "http.disconnect"))
        try:
            async with self._hub.subscribe(self._since) as listener:
                leaving.add_done_callback(lambda _: listener.end())
                while not listener.ended:
                    self._hub.watch(self._outputs)
                    updates = await listener.take(KEEP_ALIVE_S)
                    if not self._may_hear():
                        break
                    await send(_body(b"".join(map(_message, updates)) or b":\n\n"))
        except EzError as error:  # the answer has begun; whoever listens comes back, and is told what is wrong then
            _log.warning("a stream of events was ended: %s", error)
        finally:
            leaving.cancel()
        await send({"type": "http.response.body", "body": b""})


async def events(request: Request) -> Response:
    """The stream. A browser that comes back says what it heard last, and hears what it missed."""
    services = Services.of(request)
    if not services.pushes():
        raise HTTPException(404, _NOT_PUSHED)
    since = request.headers.get("last-event-id") or request.query_params.get("since", "")
    if since:
        place_of_event(since)
    outputs = _outputs(request.query_params)
    return EventStream(services.hub, since, outputs, partial(_may_hear, services, request.scope["grant"]))


async def socket(websocket: WebSocket) -> None:
    """The same events for programs, one JSON text each. What they send is not looked at."""
    services, since = Services.of(websocket), websocket.query_params.get("since", "")
    if not services.pushes():
        await websocket.send_denial_response(Response(problem(404, _NOT_PUSHED), 404, media_type=PROBLEM))
        return
    try:
        outputs = _outputs(websocket.query_params)
        if since:
            place_of_event(since)
    except InputError as error:
        body = problem(422, str(error), error.field)
        await websocket.send_denial_response(Response(body, 422, media_type=PROBLEM))
        return
    await websocket.accept()
    async with services.hub.subscribe(since) as listener:
        hearing = asyncio.create_task(left(websocket.receive, "websocket.disconnect"))
        hearing.add_done_callback(lambda _: listener.end())
        try:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError, EzError):
                while not listener.ended:
                    services.hub.watch(outputs)
                    updates = await listener.take(KEEP_ALIVE_S)
                    if not _may_hear(services, websocket.scope["grant"]):
                        break
                    for update in updates:
                        await websocket.send_text(update.data.decode())
                if not hearing.done():
                    await websocket.close(1001)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


def _may_hear(services: Services, grant: Grant) -> bool:
    """Whether a listener is still let in, and anything is pushed."""
    return services.access.is_good(grant) and services.pushes()


def _outputs(params: QueryParams) -> list[str]:
    ids = check_ids([text for text in params.getlist("output") if text])
    if len(ids) > OUTPUTS_MOST:
        raise InputError("output", f"takes {OUTPUTS_MOST} ids at most, not {len(ids)}")
    return ids


def _message(update: EncodedUpdate) -> bytes:
    head = b"id: " + update.id.encode() + b"\n" if update.id else b""
    return head + b"data: " + update.data + b"\n\n"


def _body(data: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": True}


ROUTES = (
    Route(
        method="GET", path="/api/events", role=Role.READ, endpoint=events, gives=Update,
        queries=(_SINCE, _LAST, _OUTPUT), raises=(404, 422), given_as="text/event-stream",
        what="What happens, as it happens (server-sent events).",
    ),
)  # fmt: skip
