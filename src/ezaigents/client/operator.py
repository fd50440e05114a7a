"""What one does with a fleet besides handing in work: pause, stop, apply, write, look who holds what and what is stuck.

Job: `Client.operator`. Not its job: runs and tasks (client.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import msgspec

from ezaigents.client.conversation import said
from ezaigents.client.halt import ALL, Halted, stop_all
from ezaigents.client.problems import Problem, find_problems
from ezaigents.client.status import used_memory
from ezaigents.client.survey import survey
from ezaigents.engine import Connection, EngineHandle
from ezaigents.errors import InputError
from ezaigents.patches import Applier, ApplyOutcome
from ezaigents.policy import nearest_name
from ezaigents.queue import Queue
from ezaigents.records import AgentCard, AgentState
from ezaigents.settings import Settings
from ezaigents.team import USER, FileLease, Letter, Message, Team, Waiting, expand

_QUIET_S = 30.0
"""A follower looks this often whether a hint was lost."""


class Locks(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds which files, and who waits for some."""

    held: tuple[FileLease, ...]
    waiting: tuple[Waiting, ...]


class Operator:
    """The levers of one fleet. Made by `Client`; every method may raise EngineDown when the engine stays away."""

    def __init__(
        self, settings: Settings, engine: EngineHandle, connection: Connection, queue: Queue, team: Team, place: str
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._connection = connection
        self._queue = queue
        self._team = team
        self._place = place

    async def cards(self) -> list[AgentCard]:
        """Every agent that any host of the last hour declares."""
        return [card for seen in await self._queue.answered(self._team.registry.hosts) for card in seen.card.agents]

    # -- pause and stop ------------------------------------------------------------------------------------------

    async def pause(self, agents: Sequence[str] = ()) -> list[str]:
        """Let agents take no more tasks, none named = all of them; returns who is paused. Raises InputError."""
        await self._check_agents(agents)
        return await self._queue.pause(list(agents) or [ALL])

    async def resume(self, agents: Sequence[str] = ()) -> list[str]:
        """Let agents take tasks again, none named = everything; returns who is still paused. Raises InputError."""
        if agents:
            await self._check_agents(agents)
        return await self._queue.resume(agents)

    async def stop_all(self) -> Halted:
        """Stop all work within 2 s, losing nothing; everything is paused until `resume`."""
        hosts = [seen.card for seen in await self._queue.answered(self._team.registry.hosts)]
        return await stop_all(self._queue, self._settings, hosts)

    async def _check_agents(self, agents: Sequence[str]) -> None:
        known = {card.name for card in await self.cards()} | set(await self._queue.paused())
        for name in agents:
            if name not in known:
                hint = nearest_name(name, known)
                raise InputError("agent", f"no agent {name[:80]!r}" + (f"; did you mean {hint!r}?" if hint else ""))

    # -- patches -------------------------------------------------------------------------------------------------

    async def apply(self, task_id: str, *, merge: bool | None = None) -> ApplyOutcome:
        """Apply a task's patch to this client's workspace. `merge` None: as the settings say.

        Raises TaskGone, NotApplicable, LeaseBusy, and what writing the files raises.
        """
        return await Applier(self._queue, self._team.leases, self._settings, self._place).apply(task_id, merge=merge)

    # -- messages ------------------------------------------------------------------------------------------------

    async def write_to(self, to: str, text: str, *, kind: str = "note") -> list[str]:
        """Write to an agent, `+capability` or `all`, as the user; returns a line about each that cannot read it now.

        Raises InputError for an address nobody has, MailboxFull.
        """
        cards = await self.cards()
        recipients = expand(to, cards)
        letters = [Letter(to=name, sender=USER, type=kind, data=text) for name in recipients]
        await asyncio.gather(*[self._team.mailer.send(letter) for letter in letters])
        return _words(recipients, cards, await self._busy_agents(), self._settings.message_ttl_s)

    async def conversation(self, of: str = "", *, follow: bool = False) -> AsyncIterator[Message]:
        """The messages of the last hour, oldest first, and with `follow` those that come; none is taken by looking.

        `of`: only those to or from this agent; "" = all. Raises InputError for an agent nobody knows.
        """
        cards = await self.cards()
        if of:
            expand(of, cards)
        boxes = sorted({card.name for card in cards} | {USER})
        after: dict[str, str] = {}
        hint = asyncio.Event()
        async with contextlib.AsyncExitStack() as leaving:
            if follow:
                heard = Connection(
                    self._connection.address,
                    on_heard=lambda channel, text: hint.set(),
                    on_restored=hint.set,
                    client_name="ez-msg",
                )
                await leaving.enter_async_context(heard)
                await heard.listen(pattern=f"{self._queue.keys.mail('')}*")
            while True:
                hint.clear()
                for message in await said(self._team.messages, boxes, after):
                    if of in ("", message.to, message.sender):
                        yield message
                if not follow:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_QUIET_S):
                        await hint.wait()

    # -- who holds what, and what is stuck -----------------------------------------------------------------------

    async def locks(self) -> Locks:
        """The file leases that are held, and who waits."""
        held, waiting = await asyncio.gather(self._team.leases.held(), self._team.leases.waiting())
        return Locks(held=tuple(held), waiting=tuple(waiting))

    async def problems(self) -> list[Problem]:
        """What is stuck, why, and what to do about it."""
        facts = await survey(
            self._queue,
            self._team,
            self._settings,
            used_bytes=await used_memory(self._queue),
            durability=self._engine.durability,
        )
        return find_problems(facts)

    async def _busy_agents(self) -> set[str]:
        ids = await self._queue.read("ZRANGE", self._queue.keys.leased(), 0, -1)
        return {task.agent for task in await self._queue.tasks([one.decode() for one in ids])}


def _words(recipients: Sequence[str], cards: Sequence[AgentCard], busy: set[str], ttl_s: float) -> list[str]:
    """One line about who reads it now, and who may later."""
    ready = {card.name for card in cards if card.state is AgentState.READY}
    reads = [name for name in recipients if name in busy]
    later = [name for name in recipients if name not in busy and (name in ready or name == USER)]
    never = [name for name in recipients if name not in busy and name not in later]
    minutes = f"{ttl_s / 60:g} min"
    lines = []
    if reads:
        lines.append(f"sent to {', '.join(reads)}: at work, and reads it at the next step")
    if later:
        lines.append(f"sent to {', '.join(later)}: idle; the next task within {minutes} reads it")
    if never:
        lines.append(f"sent to {', '.join(never)}: unavailable (`ez agents` says why); it is kept for {minutes}")
    return lines
