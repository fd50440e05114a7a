"""What happens, told to whoever listens. Job: one reader of the engine for all browsers of this host, and their places.

The reader runs while somebody listens. It tells the first event at once, and those that follow it 10 ms later together,
so that a thousand a second cost a hundred writes to each listener. Each event is encoded once; a listener that does not
keep up loses what it has not taken, and is told to read anew, as all are when the engine forgot events before they were
read: nothing grows, and nothing is lost unsaid. Not its job: HTTP (routes/events).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec

from ezaigents.api.watching import Watching
from ezaigents.client import EVENTS_MOST, Client, Event, place_of_event
from ezaigents.codec import to_json
from ezaigents.errors import EzError
from ezaigents.records import PatchState, SaidText, TaskState

_log = logging.getLogger(__name__)
WAITING_MOST = 512
"""Events kept for one listener that is slow, or asleep."""
_QUIET_S = 10.0
_GATHER_S = 0.01
"""From one look at the engine to the next while things happen; an event waits so long at most."""
_AGENTS_LEAST_S = 0.25
_AGAIN_S = 1.0


class TaskUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="task-update", tag_field="type"):
    """Tasks of a run reached a state, or the patch of one did. `id`: what to come back with (Last-Event-ID)."""

    id: str
    at_ms: int
    run: str
    tasks: tuple[str, ...]
    state: TaskState
    patch: PatchState


class AgentUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="agent-update", tag_field="type"):
    """The agents, or what they are at, may have changed: read `/api/agents` again."""


class MessageUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="message-update", tag_field="type"):
    """Somebody has written to these agents, or the user (`to`): read `/api/messages` again."""

    to: tuple[str, ...]


class TaskOutput(msgspec.Struct, frozen=True, kw_only=True, tag="task-output", tag_field="type"):
    """What the model of a watched task says. `text` begins `at` characters into what it says in this step.

    `moved`: its steps have changed too: read `/api/tasks/{id}/steps` again.
    """

    task: str
    step: int
    at: int
    text: str
    moved: bool


class Resync(msgspec.Struct, frozen=True, kw_only=True, tag="resync", tag_field="type"):
    """Events were lost to this listener: read again what is shown."""

    why: Literal["slow", "late"]


Update = TaskUpdate | AgentUpdate | MessageUpdate | TaskOutput | Resync


class EncodedUpdate(msgspec.Struct, frozen=True):
    """An update as it is sent. `place`: where it stands in the stream, None = it has no place."""

    id: str
    data: bytes
    place: tuple[int, int] | None = None


def told(update: Update) -> EncodedUpdate:
    """Encode an update, once for all listeners."""
    if isinstance(update, TaskUpdate):
        return EncodedUpdate(update.id, to_json(update), place_of_event(update.id))
    return EncodedUpdate("", to_json(update))


class Subscription:
    """One stream of updates. `take` waits for the next ones, all that there are."""

    def __init__(self) -> None:
        self._waiting: deque[EncodedUpdate] = deque()
        self._some = asyncio.Event()
        self._seen: tuple[int, int] | None = None
        self._held: list[EncodedUpdate] | None = None
        self.ended = False

    def hold(self) -> None:
        """Keep what comes from now on behind what was missed, which is put by `catch_up`."""
        self._held = []

    def catch_up(self, missed: list[EncodedUpdate]) -> None:
        """Add what was missed, then what was held; what is in both is told once."""
        held, self._held = self._held or [], None
        self.put(missed)
        self.put(held)

    def put(self, updates: list[EncodedUpdate]) -> None:
        """Add what happened; too much is replaced by the word to read anew."""
        if self._held is not None:
            self._held = [*self._held, *updates][-WAITING_MOST - 1 :]
            return
        fresh = [one for one in updates if one.place is None or self._seen is None or one.place > self._seen]
        if len(self._waiting) + len(fresh) > WAITING_MOST:
            self._waiting.clear()
            fresh = [told(Resync(why="slow"))]
        self._waiting.extend(fresh)
        places = [one.place for one in updates if one.place is not None]
        if places:
            self._seen = max([*places, *([self._seen] if self._seen else [])])
        self._some.set()

    def end(self) -> None:
        """There will be no more."""
        self.ended = True
        self._some.set()

    async def take(self, timeout_s: float) -> list[EncodedUpdate]:
        """What waits, once there is something; [] after `timeout_s`, or at the end."""
        if not self._waiting and not self.ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._some.wait()
        self._some.clear()
        found = list(self._waiting)
        self._waiting.clear()
        return found


class Hub:
    """The listeners of one site."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._listeners: set[Subscription] = set()
        self._reading: asyncio.Task[None] | None = None
        self._agents_due: asyncio.TimerHandle | None = None
        self._mail_due: asyncio.TimerHandle | None = None
        self._mail_to: set[str] = set()
        self._starting = asyncio.Lock()
        self.watching = Watching(client, self._on_mail, self._on_said)

    @contextlib.asynccontextmanager
    async def subscribe(self, since: str = "") -> AsyncIterator[Subscription]:
        """Hear what happens from now on, and after the event `since` where it is known."""
        listener = Subscription()
        if since:
            listener.hold()
        self._listeners.add(listener)
        try:
            async with self._starting:
                self.watching.start()
                if self._reading is None:
                    self._reading = asyncio.create_task(self._read(await self._client.last_event()))
            if since:
                missed = await self._client.events_since(since)
                late = [told(Resync(why="late"))]
                listener.catch_up(late if missed is None else [told(_update(one)) for one in missed])
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                await self.rest()

    def watch(self, task_ids: Sequence[str]) -> None:
        """Have what these tasks say told too, for a minute."""
        for task_id in task_ids:
            self.watching.watch(task_id)

    async def rest(self) -> None:
        """Stop reading; the next listener begins anew."""
        reading, self._reading = self._reading, None
        for due in (self._agents_due, self._mail_due):
            if due is not None:
                due.cancel()
        self._agents_due = self._mail_due = None
        self._mail_to.clear()
        await self.watching.stop()
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def close(self) -> None:
        """End every stream."""
        for listener in list(self._listeners):
            listener.end()
        await self.rest()

    async def _read(self, since: str) -> None:
        while True:
            try:
                async for batch in self._client.events(since=since, quiet_s=_QUIET_S):
                    if batch:
                        if len(batch) >= EVENTS_MOST and await self._are_lost(since):
                            self._tell([told(Resync(why="late"))])
                        since = batch[-1].id
                        self._tell([told(_update(event)) for event in batch])
                        self._agents_changed()
                        await asyncio.sleep(_GATHER_S)
            except EzError as error:
                _log.warning("events cannot be read, which is tried again: %s", error)
                await asyncio.sleep(_AGAIN_S)

    async def _are_lost(self, since: str) -> bool:
        """Whether the engine may have forgotten events behind this one before they were read."""
        return place_of_event(await self._client.first_event()) > place_of_event(since)

    def _tell(self, updates: list[EncodedUpdate]) -> None:
        for listener in self._listeners:
            listener.put(updates)

    def _on_mail(self, to: str) -> None:
        """Say whose mailbox got something, at most a few times a second."""
        self._mail_to.add(to)
        if self._mail_due is None:
            self._mail_due = asyncio.get_running_loop().call_later(_AGENTS_LEAST_S, self._tell_mail)

    def _tell_mail(self) -> None:
        self._mail_due = None
        self._tell([told(MessageUpdate(to=tuple(sorted(self._mail_to))))])
        self._mail_to.clear()

    def _on_said(self, task_id: str, said: SaidText) -> None:
        output = TaskOutput(task=task_id, step=said.step, at=said.at, text=said.text, moved=said.moved)
        self._tell([told(output)])

    def _agents_changed(self) -> None:
        """Say that agents are busier or less so, at most a few times a second."""
        if self._agents_due is None:
            loop = asyncio.get_running_loop()
            self._agents_due = loop.call_later(_AGENTS_LEAST_S, self._tell_agents)

    def _tell_agents(self) -> None:
        self._agents_due = None
        self._tell([told(AgentUpdate())])


def _update(event: Event) -> TaskUpdate:
    return TaskUpdate(
        id=event.id, at_ms=event.at_ms, run=event.run, tasks=event.tasks, state=event.state, patch=event.patch
    )
