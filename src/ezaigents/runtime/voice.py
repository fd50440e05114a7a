"""What a running task says, told to whoever watches it. Job: a few messages a second, and next to none to nobody.

Each message tells the part of the text that is new, and where in the step's text it begins. The engine says how many
heard it: to nobody the next one goes after a longer rest, and begins with what is kept, for one who has just come.
Nothing is sent while nothing is said. Not its job: watching (api/hub).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ezaigents.codec import to_json
from ezaigents.errors import EzError
from ezaigents.records import SaidText

KEPT_MOST_CHARS = 4000
SOON_S, LATER_S = 0.25, 2.0


class RunVoice:
    """The voice of one attempt. `tell` publishes a message and returns how many heard it."""

    def __init__(self, tell: Callable[[bytes], Awaitable[int]]) -> None:
        self._tell = tell
        self._step = 0
        self._text = ""
        self._cut = 0
        """So many characters of the step are not kept any more."""
        self._told = 0
        self._is_moved = False
        self._is_new = False
        self._rest_s = SOON_S
        self._telling: asyncio.Task[None] | None = None
        self._closed = False

    def say(self, step: int, text: str) -> None:
        """See agents.Voice."""
        if step != self._step:
            self._begin(step)
        self._text += text
        if (over := len(self._text) - KEPT_MOST_CHARS) > 0:
            self._text = self._text[over:]
            self._cut += over
        self._due()

    def start_over(self, step: int) -> None:
        """See agents.Voice."""
        self._begin(step)
        self._due()

    def went_on(self) -> None:
        """See agents.Voice."""
        self._is_moved = True
        self._due()

    async def close(self) -> None:
        """Say no more."""
        self._closed = True
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    def _begin(self, step: int) -> None:
        self._step, self._text, self._cut, self._told = step, "", 0, 0

    def _due(self) -> None:
        self._is_new = True
        if self._telling is None and not self._closed:
            self._telling = asyncio.get_running_loop().create_task(self._tell_all())

    async def _tell_all(self) -> None:
        try:
            while self._is_new:
                await asyncio.sleep(self._rest_s)
                heard = await self._tell(to_json(self._news()))
                self._rest_s = SOON_S if heard else LATER_S
                if not heard:
                    self._told = 0
        except EzError:
            self._told = 0  # an engine that is away hears nothing, and a message that is lost is no harm
        finally:
            self._telling = None

    def _news(self) -> SaidText:
        at = max(self._told, self._cut)
        news = SaidText(step=self._step, at=at, text=self._text[at - self._cut :], moved=self._is_moved)
        self._told = self._cut + len(self._text)
        self._is_moved = self._is_new = False
        return news
