"""Hints of the engine, for one who shows things live. Job: a connection that hears mail, and what watched tasks say.

A hint may be lost; what it hints at can always be read. Not its job: events of tasks, which have places in a stream
(watch).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from ezaigents.codec import from_json
from ezaigents.engine import Connection
from ezaigents.records import SaidText

if TYPE_CHECKING:
    from ezaigents.client.client import Client


class Hints:
    """An open connection. `on_mail`: whose mailbox got something; `on_said`: which task said what."""

    def __init__(
        self, client: Client, on_mail: Callable[[str], None], on_said: Callable[[str, SaidText], None]
    ) -> None:
        self._keys = client.queue.keys
        self._on_mail = on_mail
        self._on_said = on_said
        self._mail, self._said = self._keys.mail(""), self._keys.said("")
        self._heard: set[str] = set()
        self.connection = Connection(client.engine.address, on_heard=self._on_heard, client_name="ez-hints")

    async def hear_mail(self) -> None:
        """Hear of all messages from now on. Raises EngineDown."""
        await self.connection.listen(pattern=f"{self._mail}*")

    async def hear_task(self, task_id: str) -> None:
        """Hear what a task says from now on. Raises EngineDown."""
        if task_id not in self._heard:
            self._heard.add(task_id)
            try:
                await self.connection.listen(channel=self._keys.said(task_id))
            except BaseException:
                self._heard.discard(task_id)
                raise

    def _on_heard(self, channel: str, text: str) -> None:
        if channel.startswith(self._mail):
            self._on_mail(channel.removeprefix(self._mail))
        elif channel.startswith(self._said):
            try:
                said = from_json(text.encode(), SaidText)
            except msgspec.DecodeError:
                return  # of a host of another version
            self._on_said(channel.removeprefix(self._said), said)


@asynccontextmanager
async def open_hints(
    client: Client, on_mail: Callable[[str], None], on_said: Callable[[str, SaidText], None]
) -> AsyncIterator[Hints]:
    """While this lasts, hints can be heard. Raises EngineDown."""
    made = Hints(client, on_mail, on_said)
    async with made.connection:
        yield made
