"""One attempt: from a claim to an outcome. Job: wrap the agent's work in deadline, cancelling and settlement.

Not its job: claiming, keeping the claim, sending the outcome. The one broad `except` of the program is here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from ezaigents.agents import Agent, HandBack, NeedsApproval, TaskFailed
from ezaigents.errors import EzError
from ezaigents.policy import SUMMARY_MAX_BYTES, RetryPolicy, clip_bytes
from ezaigents.queue import Held
from ezaigents.records import Claim, PatchState, Result
from ezaigents.runtime.context import RunContext
from ezaigents.runtime.settle import Outcome

if TYPE_CHECKING:
    from ezaigents.patches import Applier

_log = logging.getLogger(__name__)
_HELD_MARGIN_S = 0.2
"""An exchange of files takes well under this."""
_GO_ON_AGAIN_S = 1.0
"""A patch that was left half applied is gone on with after this."""


class Stop(StrEnum):
    """Why a running attempt is stopped from outside.

    `lost`: the engine said that the claim is not ours any more. `lapsed`: it could not be renewed in time, and may
    still be ours: it is handed back, so that an engine that was away does not count as a crash. `halted`: an operator
    stopped all work at once.
    """

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    LOST = "lost"
    LAPSED = "lapsed"
    SHUTDOWN = "shutdown"
    HALTED = "halted"


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

    def surely_held(self) -> bool:
        """Whether its claim holds, by our own clock and for a moment yet; may be asked from any thread."""
        return self.stop is not Stop.LOST and time.monotonic() < self.lease_end - _HELD_MARGIN_S

    def interrupt(self, why: Stop) -> None:
        """Stop the work; the first reason counts. What has not begun sees the reason when it begins."""
        if self.stop is None:
            self.stop = why
            if self.begun and self.task is not None:
                self.task.cancel()


async def run_attempt(
    attempt: Attempt,
    agent: Callable[[], Agent],
    context: RunContext,
    applier: Callable[[], Applier],
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
        result = await _within_deadline(_worked(attempt, agent, context, applier), context.time_left_s())
    except (HandBack, NeedsApproval) as reason:
        return _handed_back(held, reason)
    except asyncio.CancelledError:
        if attempt.stop is not None or _is_being_cancelled():
            return _outcome_of_stop(attempt)
        error = "the agent ended its work by a cancellation of its own"
        return Outcome(held, "retry", error=error, delay_ms=_delay_ms(retry, claim, luck))
    except _DeadlinePassed:
        return Outcome(held, "fail", error="deadline")
    except _Conflict as conflict:
        return Outcome(held, "retry", error=clip_bytes(str(conflict), SUMMARY_MAX_BYTES))
    except TaskFailed as failure:
        error = clip_bytes(str(failure), SUMMARY_MAX_BYTES)
        if not failure.retryable:
            return Outcome(held, "fail", result=failure.spent, error=error)
        delay_ms = _delay_ms(retry, claim, luck)
        return Outcome(held, "retry", result=failure.spent, error=error, delay_ms=delay_ms)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - an agent may break in any way; its neighbours must not notice
        _log.exception("task %s: agent %s broke", claim.id, claim.agent)
        text = clip_bytes(f"{type(error).__name__}: {error}", SUMMARY_MAX_BYTES)
        if isinstance(error, EzError) and not error.retryable:
            return Outcome(held, "fail", error=text)
        return Outcome(held, "retry", error=text, delay_ms=_delay_ms(retry, claim, luck))
    return Outcome(held, "finish", result=result)


async def _worked(
    attempt: Attempt, agent: Callable[[], Agent], context: RunContext, applier: Callable[[], Applier]
) -> Result:
    """The agent's result, its patch applied where that was asked for; the agent is not called for work that is done."""
    claim = attempt.claim
    if claim.patch_state in (PatchState.APPLYING, PatchState.APPLIED) and await _goes_on(attempt, applier()):
        return Result(applied=True)
    result = await agent().run(claim, context)
    wants_apply = result.patch and not result.applied and not result.partial
    if wants_apply and (run := await context.run()) is not None and run.apply:
        return await _applied(attempt, result, applier())
    return result


async def _goes_on(attempt: Attempt, applier: Applier) -> bool:
    """Whether the patch of a former attempt is in the tree, having been brought there if it was on its way."""
    from ezaigents.patches import LEFT_APPLYING
    from ezaigents.team import LeaseBusy

    try:
        return await applier.go_on(attempt.claim, holds=attempt.surely_held)
    except (LeaseBusy, *LEFT_APPLYING) as error:
        raise HandBack(str(error), delay_s=_GO_ON_AGAIN_S) from error


async def _applied(attempt: Attempt, result: Result, applier: Applier) -> Result:
    """Apply what the attempt has made. It may have been paid for: only a conflict has it done again."""
    from ezaigents.patches import LEFT_APPLYING

    try:
        outcome = await applier.apply_held(attempt.claim, result, holds=attempt.surely_held)
    except LEFT_APPLYING as error:
        raise HandBack(str(error), delay_s=_GO_ON_AGAIN_S) from error
    except EzError as error:
        _log.warning("task %s: its patch is left to be applied by hand: %s", attempt.claim.id, error)
        return msgspec.structs.replace(result, summary=f"not applied: {error}; {result.summary}")
    if outcome.state is not PatchState.APPLIED:
        raise _Conflict(f"conflict: {outcome.why}")
    return msgspec.structs.replace(result, applied=True)


def _handed_back(held: Held, reason: HandBack | NeedsApproval) -> Outcome:
    """Tried again later, no attempt is spent: after a while, or when a person has answered."""
    if isinstance(reason, NeedsApproval):
        _log.info("task %s waits for approval: %s", held.id, reason)
        return Outcome(held, "ask", question=reason.question, asks=str(reason))
    _log.info("task %s is handed back: %s", held.id, reason)
    return Outcome(held, "release", error=str(reason), delay_ms=round(reason.delay_s * 1000))


class _Conflict(Exception):
    """Others changed the same lines first: tried again on the files as they are now, at once."""


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
