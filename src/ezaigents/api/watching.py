"""Who is watched, and what they have said so far. Job: hints of mail and of watched tasks, while somebody listens.

A task is watched for a minute after somebody looked at it, or while a stream asks for it: to a task that nobody watches
nobody listens, and it says next to nothing. Not its job: telling listeners (hub).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from ezaigents.client import Client, Hints, open_hints
from ezaigents.errors import EzError
from ezaigents.records import SaidText

WATCHED_MOST = 64
WATCH_S = 60.0
_KEPT_MOST_CHARS = 4000
_AGAIN_S = 1.0
_log = logging.getLogger(__name__)


class SoFar(msgspec.Struct, frozen=True):
    """What a task has said in this step, as far as it was heard. `at`: where in the step's text that begins."""

    step: int = 0
    at: int = 0
    text: str = ""

    def followed_by(self, said: SaidText) -> SoFar:
        """With what it says now; from there on where something was missed, or it began anew."""
        if said.step == self.step and self.at <= said.at <= self.at + len(self.text):
            text, at = self.text[: said.at - self.at] + said.text, self.at
        else:
            text, at = said.text, said.at
        over = max(0, len(text) - _KEPT_MOST_CHARS)
        return SoFar(said.step, at + over, text[over:])


class Watching:
    """`start` when somebody begins to listen, `stop` when nobody does any more."""

    def __init__(
        self, client: Client, on_mail: Callable[[str], None], on_said: Callable[[str, SaidText], None]
    ) -> None:
        self._client = client
        self._on_mail = on_mail
        self._on_said = on_said
        self._until: OrderedDict[str, float] = OrderedDict()
        self._so_far: dict[str, SoFar] = {}
        self._hints: Hints | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Hear from now on."""
        if self._hearing is None:
            self._hearing = asyncio.get_running_loop().create_task(self._hear())

    async def stop(self) -> None:
        """Hear nothing, and forget what was said."""
        hearing, self._hearing = self._hearing, None
        self._until.clear()
        self._so_far.clear()
        if hearing is not None:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    def watch(self, task_id: str) -> None:
        """Hear what this task says, for a minute."""
        self._until[task_id] = asyncio.get_running_loop().time() + WATCH_S
        self._until.move_to_end(task_id)
        if len(self._until) > WATCHED_MOST:
            self._forget(next(iter(self._until)))
        self._changed.set()

    def so_far(self, task_id: str) -> SoFar:
        """What it has said in this step, as far as it was heard."""
        return self._so_far.get(task_id, SoFar())

    def _forget(self, task_id: str) -> None:
        self._until.pop(task_id, None)
        self._so_far.pop(task_id, None)

    async def _hear(self) -> None:
        while True:
            try:
                async with open_hints(self._client, self._on_mail, self._heard) as made:
                    await made.hear_mail()
                    await self._follow(made)
            except EzError as error:
                _log.warning("hints cannot be heard, which is tried again: %s", error)
                await asyncio.sleep(_AGAIN_S)

    async def _follow(self, made: Hints) -> None:
        """Listen to what is watched, until none of what is listened to is watched any more."""
        heard: set[str] = set()
        while True:
            self._changed.clear()
            for task_id in set(self._until) - heard:
                await made.hear_task(task_id)
                heard.add(task_id)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S if heard else None):
                    await self._changed.wait()
            now_s = asyncio.get_running_loop().time()
            for task_id in [one for one, until_s in self._until.items() if until_s < now_s]:
                self._forget(task_id)
            if heard and not self._until:
                return  # a connection that listens to nobody takes the place of this one

    def _heard(self, task_id: str, said: SaidText) -> None:
        if task_id in self._until:
            self._so_far[task_id] = self.so_far(task_id).followed_by(said)
            self._on_said(task_id, said)
