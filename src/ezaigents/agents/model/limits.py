"""When a task is to be warned, and when it is to stop. Job: pure decisions over counts and limits; their words.

Not its job: money of others (budget): a call that no budget holds is refused there, before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ezaigents.agents.definition import Definition
from ezaigents.settings import Settings

NUDGE_AT = 0.8
SAME_CALLS_MOST = 3
"""The same call with the same answer: the third is not made."""
MALFORMED_MOST = 3
EMPTY_MOST = 2
CHECKS_MOST = 3
ROUNDS_MOST = 50
"""Attempts one after the other in which no provider answered; each waited for as long as it was told to."""
FOLD_AT = 0.7
"""Of the model's window."""
MICRO = 1_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one task may take. `microusd`: 0 = no paid call at all."""

    steps: int
    tokens: int
    time_s: float
    microusd: int

    def words(self) -> str:
        """As the model is told at the start."""
        return (
            f"at most {self.steps} steps, {self.tokens:,} tokens, {self.time_s / 60:.0f} minutes "
            f"and {self.microusd / MICRO:.2f} US dollars"
        )


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What it has taken."""

    steps: int
    tokens: int
    time_s: float
    microusd: int


def limits_for(definition: Definition, settings: Settings) -> Limits:
    """An agent's own limits, where it has some, and the settings' else."""
    budget_usd = definition.budget_usd or settings.budget_task_usd
    return Limits(
        steps=definition.steps or settings.task_steps,
        tokens=definition.tokens or settings.task_tokens,
        time_s=definition.time_s or settings.task_time_s,
        microusd=round(min(budget_usd, settings.budget_task_usd) * MICRO),
    )


def _shares(used: Used, limits: Limits) -> Iterator[tuple[str, float, str, str]]:
    """Each limit: its name, how much of it is used, and both in words."""
    yield "steps", used.steps / limits.steps, f"{used.steps}", f"{limits.steps} steps"
    yield "tokens", used.tokens / limits.tokens, f"{used.tokens:,}", f"{limits.tokens:,} tokens"
    yield "time", used.time_s / limits.time_s, f"{used.time_s / 60:.1f}", f"{limits.time_s / 60:.1f} minutes"
    if limits.microusd:
        money = used.microusd / MICRO
        yield "money", used.microusd / limits.microusd, f"{money:.2f}", f"{limits.microusd / MICRO:.2f} US dollars"


_SETTINGS = {"steps": "task_steps", "tokens": "task_tokens", "time": "task_time_s", "money": "budget_task_usd"}


def reached(used: Used, limits: Limits) -> str:
    """The limit that a task has come to, and how to raise it; "" = none."""
    for name, share, have, most in _shares(used, limits):
        if share >= 1:
            return (
                f"limit reached: {have} of {most}; to go on, raise {_SETTINGS[name]} (in ezaigents.toml, or "
                f"EZ_{_SETTINGS[name].upper()}), `ez down`, `ez up`, then `ez retry`"
            )
    return ""


def out_of_time(used: Used, limits: Limits) -> str:
    """The limit of time, where it is reached; "" = it is not."""
    return reached(Used(steps=0, tokens=0, time_s=used.time_s, microusd=0), limits)


def nudges(used: Used, limits: Limits, told: set[str]) -> list[tuple[str, str]]:
    """Warnings that are due and were not given: a mark, and the words for the model."""
    return [
        (name, f"{have} of {most} are used. Finish what matters most now, and call finish before the limit.")
        for name, share, have, most in _shares(used, limits)
        if share >= NUDGE_AT and name not in told
    ]
