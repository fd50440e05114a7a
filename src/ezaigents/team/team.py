"""What those on one namespace use to know of each other, in one hand. Job: make each part when it is first asked for.

A fleet whose agents neither talk, nor wait for files, nor note anything down loads none of that. Not its job: any
part's work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from ezaigents.clock import Clock
from ezaigents.engine import Connection
from ezaigents.queue import Queue
from ezaigents.settings import Settings
from ezaigents.team.registry import Registry

if TYPE_CHECKING:
    from ezaigents.team.leases import FileLeases
    from ezaigents.team.letters import MessageStore
    from ezaigents.team.mailer import Mailer
    from ezaigents.team.notes import Notes
    from ezaigents.team.radar import Radar


class Team:
    """The registry, messages, file leases, radar and notes of one data folder."""

    def __init__(self, settings: Settings, connection: Connection, queue: Queue, clock: Clock) -> None:
        self._settings = settings
        self._connection = connection
        self._queue = queue
        self._clock = clock

    @cached_property
    def registry(self) -> Registry:
        """Who is here."""
        return Registry(self._connection, self._queue.keys, plain=self._settings.storage == "plain")

    @property
    def storage(self) -> str:
        """How messages and registrations are kept."""
        return self._settings.storage

    def keep_as(self, storage: str) -> None:
        """Keep messages and registrations as those do who are here already, whatever the settings say.

        Else each would look for messages where the other puts none. Asked before anything was sent or announced.
        """
        if storage != self._settings.storage:
            self._settings = msgspec.structs.replace(self._settings, storage=storage)
            self.__dict__.pop("registry", None)

    @cached_property
    def messages(self) -> MessageStore:
        """Where messages are kept, as the settings say."""
        from ezaigents.team.messages import make_messages

        return make_messages(self._settings, self._queue)

    @cached_property
    def mailer(self) -> Mailer:
        """The one way out for the letters of this process."""
        from ezaigents.team.mailer import Mailer

        return Mailer(self.messages)

    @cached_property
    def leases(self) -> FileLeases:
        """File leases; those who wait for some are told by a channel, where work is pushed."""
        from ezaigents.team.leases import FileLeases

        return FileLeases(self._queue, listen=self._hears_unlocked() if self._settings.delivery == "push" else None)

    @cached_property
    def radar(self) -> Radar:
        """Which files running tasks are at."""
        from ezaigents.team.radar import Radar

        return Radar(self._queue)

    @cached_property
    def notes(self) -> Notes:
        """What agents and users noted down."""
        from ezaigents.team.notes import Notes

        return Notes(self._settings.home_path / "notes", self._clock, keep_days=self._settings.note_days)

    def on_unlocked(self) -> None:
        """File leases were given back, or that may have been missed."""
        if "leases" in self.__dict__:
            self.leases.on_heard()

    async def close(self) -> None:
        """Wait for letters that are under way and leases that are being given back; before the queue is closed."""
        if "mailer" in self.__dict__:
            await self.mailer.close()
        if "leases" in self.__dict__:
            await self.leases.close()

    def _hears_unlocked(self) -> Callable[[], Awaitable[None]]:
        return lambda: self._connection.listen(channel=self._queue.keys.unlocked())
