"""The model server. Job: listen on loopback, tell a request's dialect, have it answered and logged.

Not its job: HTTP (connection), the dialects (wire), what is answered (rules), what goes wrong (faults).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

import msgspec

from ezaigents.clock import Clock, SystemClock
from ezaigents.errors import ConfigError
from ezaigents.simulate.allowance import Allowances
from ezaigents.simulate.answering import answer, new_id, refusal, too_long, unknown_model
from ezaigents.simulate.asked import Asked, Refused
from ezaigents.simulate.calllog import CallLog
from ezaigents.simulate.connection import Connection, Request
from ezaigents.simulate.counting import PromptCache, tokens
from ezaigents.simulate.faults import FAULT_HEADER, Fault, FaultBook, asked_for
from ezaigents.simulate.models import UNKNOWN_MODEL, model_list
from ezaigents.simulate.rules import Rules
from ezaigents.simulate.sending import send_answer, send_failure
from ezaigents.simulate.wire import Wire, wire_of

BODY_MOST_BYTES = 32 * 1024 * 1024
CONTEXT_TOKENS = 1_000_000
CALL_HEADER = "x-ez-call"
WRONG_KEY = "bad"
_CONNECTIONS_MOST = 8192
_BACKLOG = 4096
_ACCEPTING_TURNS = 4
_MARK = ("x-ez-simulated", "1")
_Headers = list[tuple[str, str]]


class Server:
    """One listening socket and what belongs to it. `start`, then `stop`; `url` in between."""

    def __init__(
        self,
        rules: Rules,
        *,
        faults: Iterable[Fault] = (),
        log: Path | None = None,
        seed: int = 0,
        body_most_bytes: int = BODY_MOST_BYTES,
        context_tokens: int = CONTEXT_TOKENS,
        clock: Clock | None = None,
    ) -> None:
        self._rules = rules
        self._clock = clock or SystemClock()
        self._faults = FaultBook((*faults, *rules.fault), Random(seed))  # noqa: S311 - no secret hangs on it
        self._log_path = log
        self._body_most_bytes = body_most_bytes
        self._context_tokens = context_tokens
        self._cache = PromptCache()
        self._allowances = Allowances(self._clock)
        self._clients: set[asyncio.Task[None]] = set()
        self._stopped = False
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Listen; port 0 = any that is free. Raises ConfigError when the port is taken or the log cannot be written."""
        self._log = CallLog(self._log_path, self._clock)
        try:
            self._listening = await asyncio.start_server(self._connected, "127.0.0.1", port, backlog=_BACKLOG)
        except OSError as error:
            self._log.close()
            raise ConfigError(f"port {port} cannot be used: {error.strerror}; take another with --port") from error
        self.url = f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Listen no more and let every client go, whatever it waits for."""
        self._stopped = True
        for socket in self._listening.sockets:
            asyncio.get_running_loop().remove_reader(socket.fileno())
        for _ in range(_ACCEPTING_TURNS):  # one that is being accepted while the socket closes would hang for ever
            await asyncio.sleep(0)
        self._listening.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._listening.wait_closed()
        self._log.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopped or len(self._clients) >= _CONNECTIONS_MOST:
            writer.close()
            return
        serving = Connection(reader, writer, self._body_most_bytes).serve(self._handle, _plain_failure)
        client = asyncio.get_running_loop().create_task(serving)
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)
        client.add_done_callback(lambda _: writer.close())  # one that is cancelled before it began closes nothing

    async def _handle(self, request: Request, out: Connection) -> None:
        wire = wire_of(request.path)
        if wire is not None and request.method == "POST":
            await self._answer(wire, request, out)
        elif request.method == "GET" and request.path.endswith("/models"):
            await _send_json(out, 200, model_list(request.headers))
        elif wire is not None:
            await _send_json(out, 405, _plain_failure(405, f"{request.method} is not allowed here"))
        else:
            await _send_json(out, 404, _plain_failure(404, f"no {request.method} {request.path[:200]} here"))

    async def _answer(self, wire: Wire, request: Request, out: Connection) -> None:
        reply_id, request_id = new_id(wire.dialect), f"req_{secrets.token_hex(12)}"
        key, tag = wire.key(request.headers), request.headers.get(CALL_HEADER, "")
        asked, fault, refused = self._read(wire, request, key)
        self._log.call(
            reply_id, wire.dialect, asked.model if asked else "", tag, asked.step if asked else -1, len(request.body),
            stream=bool(asked and asked.stream), fault=_shown(fault),
        )  # fmt: skip
        size = sum(map(len, asked.prefix)) if asked else 0
        headers = [_MARK, *wire.headers(request_id, self._allowances.take(key, tokens(size)))]
        if refused is not None or asked is None:
            await asyncio.sleep(fault.first_byte_s)
            refused = refused or Refused(500, "simulated: internal server error")
            await send_failure(out, wire, refused, request_id, headers)
            self._log.sent(reply_id, tag, refused.status, out.body_bytes)
            return
        said = answer(reply_id, asked, self._rules.move(asked), fault, wire, self._cache, self._clock)
        if await send_answer(out, wire, asked, said, fault, request_id, headers):
            self._log.sent(reply_id, tag, 200, out.body_bytes)

    def _read(self, wire: Wire, request: Request, key: str) -> tuple[Asked | None, Fault, Refused | None]:
        """What is asked, what goes wrong, and why it is refused; None where it is not."""
        asked, fault = None, Fault()
        try:
            if not key or key == WRONG_KEY:
                raise _unauthorized(key)
            asked = wire.read(request.body, request.headers)
            fault = self._faults.pick(asked, key, _wished(asked, request.headers))
            if fault.status:
                raise refusal(fault, asked, self._context_tokens)
            if asked.model == UNKNOWN_MODEL:
                raise unknown_model(asked)
            size = tokens(sum(map(len, asked.prefix)))
            if size > self._context_tokens:
                raise too_long(asked, size, self._context_tokens)
        except Refused as refused:
            return asked, fault, refused
        return asked, fault, None


def _wished(asked: Asked, headers: Mapping[str, str]) -> list[Fault]:
    try:
        return asked_for(asked, headers.get(FAULT_HEADER, ""))
    except ConfigError as error:
        raise Refused(400, f"simulated: {error}") from error


def _unauthorized(key: str) -> Refused:
    said = "simulated: this API key is not valid" if key else "simulated: no API key was given"
    return Refused(401, said, code="invalid_api_key" if key else None)


def _shown(fault: Fault) -> str:
    """The fault as the log has it, without the words it puts into a model's mouth."""
    found = msgspec.to_builtins(fault)
    return ",".join(f"{name}={value}" for name, value in found.items() if name not in ("text", "match"))


def _plain_failure(status: int, message: str) -> bytes:
    """An error where no dialect is known."""
    return msgspec.json.encode({"error": {"message": message, "type": "invalid_request_error", "code": status}})


async def _send_json(out: Connection, status: int, body: bytes) -> None:
    await out.start(status, [("content-type", "application/json"), _MARK], len(body))
    await out.send(body)
    await out.end()
