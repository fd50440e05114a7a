"""What a task at work says, for whoever watches it. Job: the words between an agent and its host; pure.

None of it is kept, and nothing depends on it: what counts is what the journal has.
"""

from __future__ import annotations

from typing import Protocol


class Voice(Protocol):
    """Never waits, never fails, and may be spoken to when nobody watches."""

    def say(self, step: int, text: str) -> None:
        """Add to what the model says in a step; a new step begins anew."""

    def start_over(self, step: int) -> None:
        """What was said in this step is void."""

    def went_on(self) -> None:
        """Something that was done stands in the journal now."""


class Silence:
    """For attempts that nobody can watch."""

    def say(self, step: int, text: str) -> None:
        """Nobody hears it."""

    def start_over(self, step: int) -> None:
        """Nobody has heard anything."""

    def went_on(self) -> None:
        """Nobody waits for it."""
