"""One attempt: from a claim to an outcome. Job: wrap the agent's work in deadline, cancelling and settlement.

Not its job: claiming, keeping the claim, sending the outcome. The one broad `except` of the program is here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from ezaigents.agents import Agent, TaskFailed
from ezaigents.clock import Clock
from ezaigents.errors import EzError
from ezaigents.policy import SUMMARY_MAX_BYTES, RetryPolicy, clip_bytes
from ezaigents.queue import Held, Queue
from ezaigents.records import Claim, Result, Task
from ezaigents.runtime.cache import Cache
from ezaigents.runtime.settle import Outcome
from ezaigents.settings import Settings

_log = logging.getLogger(__name__)


class Stop(StrEnum):
    """Why a running attempt is stopped from outside.

    `lost`: the engine said that the claim is not ours any more. `lapsed`: it could not be renewed in time, and may
    still be ours: it is handed back, so that an engine that was away does not count as a crash.
    """

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    LOST = "lost"
    LAPSED = "lapsed"
    SHUTDOWN = "shutdown"


class Attempt:
    """A claim being worked on: what the host needs to stop it. `lease_end` is our own, monotonic, earlier end."""

    __slots__ = ("agent_name", "begun", "claim", "held", "lease_end", "stop", "task")

    def __init__(self, claim: Claim, lease_end: float) -> None:
        self.claim = claim
        self.held = Held(claim.id, claim.fence)
        self.agent_name = claim.agent
        self.lease_end = lease_end
        self.begun = False
        self.stop: Stop | None = None
        self.task: asyncio.Task[None] | None = None

    def interrupt(self, why: Stop) -> None:
        """Stop the work; the first reason counts. What has not begun sees the reason when it begins."""
        if self.stop is None:
            self.stop = why
            if self.begun and self.task is not None:
                self.task.cancel()


class RunContext:
    """What the agent may use (see agents.Context)."""

    __slots__ = ("_cache", "_claim", "_clock", "_queue", "settings", "workspace")

    def __init__(
        self, claim: Claim, queue: Queue, settings: Settings, workspace: Path, cache: Cache, clock: Clock
    ) -> None:
        self._claim = claim
        self._queue = queue
        self._cache = cache
        self._clock = clock
        self.settings = settings
        self.workspace = workspace

    async def prompt(self) -> str:
        key = f"prompt:{self._claim.run}"
        kept: str | None = self._cache.get(key)
        if kept is not None:
            return kept
        run = await self._queue.run(self._claim.run)
        text = run.prompt if run else ""
        if run and run.prompt_file:
            text = await asyncio.to_thread((self.settings.home_path / run.prompt_file).read_text, "utf-8")
        self._cache.put(key, text, len(text))
        return text

    def task_folder(self) -> Path:
        folder = self.settings.home_path / "tasks" / self._claim.id / str(self._claim.fence)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    async def parents(self) -> list[Task]:
        task = await self._queue.task(self._claim.id)
        return await self._queue.tasks(task.parents)

    def time_left_s(self) -> float | None:
        if not self._claim.deadline_ms:
            return None
        return (self._claim.deadline_ms - self._clock.wall_ms()) / 1000


async def run_attempt(
    attempt: Attempt,
    agent: Callable[[], Agent],
    context: RunContext,
    *,
    retry: RetryPolicy,
    luck: Callable[[], float],
) -> Outcome | None:
    """Do the work and say how it ended; None when the claim was lost, which nobody needs to hear."""
    claim, held = attempt.claim, attempt.held
    attempt.begun = True
    if attempt.stop is not None:
        return _outcome_of_stop(attempt)
    try:
        result = await _within_deadline(agent().run(claim, context), context.time_left_s())
    except asyncio.CancelledError:
        if attempt.stop is not None or _is_being_cancelled():
            return _outcome_of_stop(attempt)
        error = "the agent ended its work by a cancellation of its own"
        return Outcome(held, "retry", error=error, delay_ms=_delay_ms(retry, claim, luck))
    except _DeadlinePassed:
        return Outcome(held, "fail", error="deadline")
    except TaskFailed as failure:
        error = clip_bytes(str(failure), SUMMARY_MAX_BYTES)
        if not failure.retryable:
            return Outcome(held, "fail", error=error)
        return Outcome(held, "retry", error=error, delay_ms=_delay_ms(retry, claim, luck))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - an agent may break in any way; its neighbours must not notice
        _log.exception("task %s: agent %s broke", claim.id, claim.agent)
        text = clip_bytes(f"{type(error).__name__}: {error}", SUMMARY_MAX_BYTES)
        if isinstance(error, EzError) and not error.retryable:
            return Outcome(held, "fail", error=text)
        return Outcome(held, "retry", error=text, delay_ms=_delay_ms(retry, claim, luck))
    return Outcome(held, "finish", result=result)


class _DeadlinePassed(Exception):
    """The task's own deadline, told apart from a TimeoutError of the agent's."""


async def _within_deadline(work: Awaitable[Result], left_s: float | None) -> Result:
    if left_s is None:
        return await work
    limit = asyncio.timeout(max(0.0, left_s))
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise _DeadlinePassed from None
        raise


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _delay_ms(retry: RetryPolicy, claim: Claim, luck: Callable[[], float]) -> int:
    return round(retry.delay_s(claim.attempt, luck()) * 1000)


def _outcome_of_stop(attempt: Attempt) -> Outcome | None:
    match attempt.stop:
        case Stop.CANCELLED:
            return Outcome(attempt.held, "cancel")
        case Stop.DEADLINE:
            return Outcome(attempt.held, "fail", error="deadline")
        case Stop.LOST:
            return None
        case _:
            return Outcome(attempt.held, "release")
