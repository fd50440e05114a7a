"""Sending an answer. Job: whole or as events, with what goes wrong on the way. Not its job: what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from ezaigents.simulate.asked import Answer, Asked, Refused
from ezaigents.simulate.connection import Connection
from ezaigents.simulate.faults import Fault
from ezaigents.simulate.wire import Wire

_Headers = list[tuple[str, str]]
_GATEWAY = 502
_ENDLESS_PAUSE_S = 0.001
_MALFORMED = b'data: {"type": "content_block_delta", "choices": [{"delta"\n\n'


async def send_failure(out: Connection, wire: Wire, refused: Refused, request_id: str, headers: _Headers) -> None:
    """Send an error in the provider's form; a gateway in between would answer with a page."""
    kind, body = "application/json", msgspec.json.encode(wire.failure(refused, request_id))
    if refused.status == _GATEWAY:
        kind, body = "text/html", b"<html><head><title>502 Bad Gateway</title></head><body>502</body></html>"
    await out.start(refused.status, [("content-type", kind), *headers, *refused.headers], len(body))
    await out.send(body)
    await out.end()


async def send_answer(
    out: Connection, wire: Wire, asked: Asked, answer: Answer, fault: Fault, request_id: str, headers: _Headers
) -> bool:
    """Send an answer; False = it did not leave whole, and the connection is of no more use."""
    await asyncio.sleep(fault.first_byte_s)
    cut_after = fault.cut_after_bytes
    if asked.stream:
        kind = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
        await out.start(200, [*kind, *headers], None)
        parts = _events(wire, asked, answer, fault, request_id)
    else:
        body = _body(wire, asked, answer, fault)
        await out.start(200, [("content-type", "application/json"), *headers], len(body))
        parts = iter((body,))
        if fault.hang and cut_after < 0:
            cut_after = len(body) // 2
    for part in _sized(parts, fault):
        if out.body_bytes + len(part) > cut_after >= 0:
            await out.send(part[: cut_after - out.body_bytes])
            return await _break_off(out, fault)
        await out.send(part, at_once=fault.between_s > 0)
        if fault.between_s:
            await asyncio.sleep(fault.between_s)
    if fault.hang:
        return await _break_off(out, fault)
    if fault.endless and asked.stream:
        await _go_on(out, wire, asked, answer)
    await out.end()
    return True


def _body(wire: Wire, asked: Asked, answer: Answer, fault: Fault) -> bytes:
    body = msgspec.json.encode(wire.whole(asked, answer))
    return body[: len(body) // 2] if fault.broken else body


def _events(wire: Wire, asked: Asked, answer: Answer, fault: Fault, request_id: str) -> Iterator[bytes]:
    events = wire.events(asked, answer)
    if not (fault.broken or fault.error_event or fault.hang or fault.endless or fault.twice):
        return events
    whole = list(events)
    if fault.twice:
        whole = [event for event in whole for _ in range(2)]
    half = whole[: max(1, len(whole) // 2)]
    if fault.broken:
        return iter([*half, _MALFORMED, *whole[len(half) :]])
    if fault.error_event:
        return iter([*half, wire.failure_event(Refused(529, "simulated: overloaded"), request_id)])
    if fault.hang or fault.endless:
        return iter(half if fault.cut_after_bytes < 0 else whole)
    return iter(whole)


def _sized(parts: Iterator[bytes], fault: Fault) -> Iterator[bytes]:
    """Parts as they come, or in pieces of the size that the fault asks for."""
    size = fault.piece_bytes
    if size <= 0:
        yield from parts
        return
    for part in parts:
        yield from (part[start : start + size] for start in range(0, len(part), size))


async def _break_off(out: Connection, fault: Fault) -> bool:
    """Say no more: silent until the client leaves, or gone."""
    if fault.hang:
        await out.flush()
        await out.gone()
    await out.cut()
    return False


async def _go_on(out: Connection, wire: Wire, asked: Asked, answer: Answer) -> None:
    """Repeat the middle of the stream until the client leaves."""
    events = list(wire.events(asked, answer))
    middle = events[len(events) // 2]
    while True:
        await out.send(middle, at_once=True)
        await asyncio.sleep(_ENDLESS_PAUSE_S)
