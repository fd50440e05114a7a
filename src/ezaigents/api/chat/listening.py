"""The text of an answer on its way from a model to whoever reads. Job: keep what was not read, and know what was.

What is kept is never more than the answer, which the call holds anyway. Not its job: sending (routes/chat).
"""

from __future__ import annotations

import asyncio
import contextlib

from ezaigents.errors import RetryLater


class BrokenOff(RetryLater):
    """A model broke off after the first part of its answer had been read: another answer cannot follow that."""

    def __init__(self) -> None:
        super().__init__("the model broke off in the middle of its answer; ask again")


class Listener:
    """Takes text, and gives what came since it was asked last."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._news = asyncio.Event()
        self._has_given = False

    def text(self, piece: str) -> None:
        """A piece has come."""
        self._pieces.append(piece)
        self._news.set()

    def restart(self) -> None:
        """What came is void. Raises BrokenOff where some of it was read."""
        if self._has_given:
            raise BrokenOff
        self._pieces.clear()

    def wake(self, _cause: object = None) -> None:
        """Let whoever waits look round."""
        self._news.set()

    def take(self) -> str:
        """All that has come and was not read."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._has_given = self._has_given or bool(text)
        return text

    async def wait(self, most_s: float) -> bool:
        """Return when there is something to look at, or so much time has gone by; whether there is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._news.wait()
        has_news = self._news.is_set()
        self._news.clear()
        return has_news
