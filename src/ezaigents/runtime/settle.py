"""Handing outcomes back. Job: gather those of one turn of the loop, one call per verb. Not its job: choosing them.

While the engine is away outcomes wait here; their number is bounded by the slots, which stay taken until then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from ezaigents.queue import Held, Queue
from ezaigents.records import Answer, Result

_log = logging.getLogger(__name__)
_BATCH = 256


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended: `verb` is finish, fail, retry, release, ask or cancel."""

    held: Held
    verb: str
    result: Result | None = None
    error: str = ""
    delay_ms: int = 0
    question: str = ""
    asks: str = ""


Settled = Callable[[Outcome, Answer | None], None]


class Settler:
    """Sends outcomes to the queue; `on_settled(outcome, answer)` follows each, with None when the engine gave up."""

    def __init__(self, queue: Queue, on_settled: Settled) -> None:
        self._queue = queue
        self._on_settled = on_settled
        self._gathered: dict[str, list[Outcome]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def settle(self, outcome: Outcome) -> None:
        """Take an outcome; it leaves with the others of this turn of the loop."""
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._send_all)
        self._gathered.setdefault(outcome.verb, []).append(outcome)

    def _send_all(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for verb, outcomes in gathered.items():
            for start in range(0, len(outcomes), _BATCH):
                task = asyncio.ensure_future(self._send(verb, outcomes[start : start + _BATCH]))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _send(self, verb: str, outcomes: list[Outcome]) -> None:
        answers: list[Answer] | list[None]
        try:
            answers = await self._call(verb, outcomes)
        except Exception as error:  # noqa: BLE001 - their slots are to be freed whatever happened
            _log.error("%d outcomes (%s) could not be handed back: %s", len(outcomes), verb, error)
            answers = [None] * len(outcomes)
        for outcome, answer in zip(outcomes, answers, strict=True):
            self._on_settled(outcome, answer)

    def _call(self, verb: str, outcomes: list[Outcome]) -> Coroutine[Any, Any, list[Answer]]:
        queue = self._queue
        spent = {o.held: o.result for o in outcomes if o.result is not None}
        match verb:
            case "finish":
                return queue.finish([(o.held, o.result or Result()) for o in outcomes])
            case "retry":
                return queue.retry([(o.held, o.delay_ms, o.error) for o in outcomes], spent)
            case "fail":
                return queue.fail([(o.held, o.error) for o in outcomes], spent)
            case "release":
                return queue.release_for([(o.held, o.delay_ms, o.error) for o in outcomes])
            case "ask":
                return queue.ask([(o.held, o.question, o.asks) for o in outcomes])
            case _:
                return queue.stop_cancelled([o.held for o in outcomes])
