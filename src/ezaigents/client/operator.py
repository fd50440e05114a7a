"""What one does with a fleet besides handing in work: pause, stop, apply, write, look who holds what and what is stuck.

Job: `Client.operator`. Not its job: runs and tasks (client.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Collection, Iterable, Sequence

import msgspec

from ezaigents.client.approving import Decided, decide
from ezaigents.client.company import Member, look_round
from ezaigents.client.conversation import said
from ezaigents.client.halt import Halted, stop_all
from ezaigents.client.problems import Facts, Problem, find_problems
from ezaigents.client.status import engine_memory
from ezaigents.client.survey import survey
from ezaigents.engine import Connection, EngineHandle
from ezaigents.errors import EngineDown, InputError
from ezaigents.patches import Applier, ApplyOutcome
from ezaigents.policy import nearest_name
from ezaigents.queue import Queue
from ezaigents.records import EVERYTHING, PROVIDER, AgentCard, AgentState, Approval
from ezaigents.settings import Settings
from ezaigents.team import USER, FileLease, Letter, MailboxFull, Message, Team, Waiting, expand

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
        """Let agents take no more tasks, none named = all of them; returns who is paused. Raises InputError.

        `provider:NAME`: no model of that provider is asked, until it is resumed.
        """
        await self._check_agents(agents)
        return await self._queue.pause(list(agents) or [EVERYTHING])

    async def resume(self, agents: Sequence[str] = ()) -> list[str]:
        """Let agents take tasks again, none named = everything; returns who is still paused. Raises InputError."""
        if agents:
            await self._check_agents(agents)
        return await self._queue.resume(agents)

    async def stop_all(self) -> Halted:
        """Stop all work within 2 s, losing nothing; everything is paused until `resume`."""
        return await stop_all(self._queue, self._settings, await self._members())

    async def _check_agents(self, agents: Sequence[str]) -> None:
        known = {card.name for card in await self.cards()} | set(await self._queue.paused())
        for name in agents:
            if name.startswith(PROVIDER):
                from ezaigents.providers import load_catalogue

                settings = msgspec.structs.replace(self._settings, models="real")
                load_catalogue(settings, os.environ).provider(name.removeprefix(PROVIDER))
            elif name not in known:
                hint = nearest_name(name, known)
                raise InputError("agent", f"no agent {name[:80]!r}" + (f"; did you mean {hint!r}?" if hint else ""))

    # -- approvals -----------------------------------------------------------------------------------------------

    async def approve(self, task_ids: Sequence[str]) -> list[Decided]:
        """Let tasks do what they ask for now; it is in the audit log first. Raises ConfigError, RetryLater."""
        return [await self.decide(one, Approval.APPROVE) for one in task_ids]

    async def deny(self, task_ids: Sequence[str], why: str = "") -> list[Decided]:
        """The same, not letting them; `why`: words for their agents."""
        return [await self.decide(one, Approval.DENY, why) for one in task_ids]

    async def decide(
        self, task_id: str, verdict: Approval, why: str = "", *, question: str = "", by: str = ""
    ) -> Decided:
        """Answer one question, and no other that was asked since it was read; "" = the one of now.

        `by`: who decides, besides the user whose process this is; it is in the audit log with him.
        """
        return await decide(self._queue, self._settings.home_path, task_id, verdict, why, question=question, by=by)

    # -- patches -------------------------------------------------------------------------------------------------

    async def apply(self, task_id: str, *, merge: bool | None = None) -> ApplyOutcome:
        """Apply a task's patch to this client's workspace. `merge` None: as the settings say.

        Raises TaskGone, NotApplicable, LeaseBusy, and what writing the files raises.
        """
        return await Applier(self._queue, self._team.leases, self._settings, self._place).apply(task_id, merge=merge)

    # -- messages ------------------------------------------------------------------------------------------------

    async def write_to(self, to: str, text: str, *, kind: str = "note") -> list[str]:
        """Write to an agent, `+capability` or `all`, as the user; returns a line about when those of each sort read it.

        Raises InputError for an address nobody has; MailboxFull, EngineDown, naming who has it and who has not.
        """
        members = await self._members()
        recipients = expand(to, _cards(members))
        sending = [self._team.mailer.send(Letter(to=name, sender=USER, type=kind, data=text)) for name in recipients]
        _raise_refusal(recipients, await asyncio.gather(*sending, return_exceptions=True))
        busy, paused = await asyncio.gather(self._busy_agents(members), self._queue.paused())
        return _words(recipients, members, busy, paused, self._settings.message_ttl_s)

    async def conversation(self, of: str = "", *, follow: bool = False) -> AsyncIterator[Message]:
        """The messages of the last hour, oldest first, and with `follow` those that come; none is taken by looking.

        `of`: only those to or from this agent, or any of those that the address stands for; "" = all. Raises
        InputError for an address nobody has.
        """
        cards = await self.cards()
        boxes = _boxes(cards)
        whom = set(expand(of, cards)) if of else set()
        after: dict[str, str] = {}
        heard: set[str] = set()
        hint = asyncio.Event()
        async with contextlib.AsyncExitStack() as leaving:
            if follow:
                await leaving.enter_async_context(self._hearing(heard, hint))
            while True:
                hint.clear()
                unknown = heard - boxes
                heard.clear()
                if unknown:  # an agent that was declared since has mail
                    cards = await self.cards()
                    boxes |= _boxes(cards)
                    whom |= _those(of, cards)
                for message in await said(self._team.messages, sorted(boxes), after):
                    if not of or whom & {message.to, message.sender}:
                        yield message
                if not follow:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_QUIET_S):
                        await hint.wait()

    @contextlib.asynccontextmanager
    async def _hearing(self, heard: set[str], hint: asyncio.Event) -> AsyncIterator[None]:
        """While this lasts, whose mail comes is put into `heard`, and `hint` is set."""
        prefix = self._queue.keys.mail("")

        def note(channel: str, text: str) -> None:
            heard.add(channel.removeprefix(prefix))
            hint.set()

        async with Connection(
            self._connection.address, on_heard=note, on_restored=hint.set, client_name="ez-msg"
        ) as listening:
            await listening.listen(pattern=f"{prefix}*")
            yield

    # -- who holds what, and what is stuck -----------------------------------------------------------------------

    async def locks(self) -> Locks:
        """The file leases that are held, and who waits."""
        held, waiting = await asyncio.gather(self._team.leases.held(), self._team.leases.waiting())
        return Locks(held=tuple(held), waiting=tuple(waiting))

    async def problems(self) -> list[Problem]:
        """What is stuck, why, and what to do about it."""
        return find_problems(await self.facts())

    async def facts(self) -> Facts:
        """What `problems` judges by: hosts, lanes, tasks at work and stuck."""
        return await survey(
            self._queue,
            self._team,
            self._settings,
            memory=await engine_memory(self._queue),
            durability=self._engine.durability,
        )

    async def _members(self) -> list[Member]:
        return await look_round(self._queue, self._team, self._settings)

    async def _busy_agents(self, members: Iterable[Member]) -> set[str]:
        """Those at work on a host that lives; a dead host's tasks seem to run until somebody takes them back."""
        living = {member.seen.card.name for member in members if member.lives}
        ids = await self._queue.read("ZRANGE", self._queue.keys.leased(), 0, -1)
        tasks = await self._queue.tasks([one.decode() for one in ids])
        return {task.agent for task in tasks if task.owner in living}


def _cards(members: Iterable[Member]) -> list[AgentCard]:
    return [card for member in members for card in member.seen.card.agents]


def _boxes(cards: Iterable[AgentCard]) -> set[str]:
    return {card.name for card in cards} | {USER}


def _those(of: str, cards: Sequence[AgentCard]) -> set[str]:
    """Whom the address stands for now; nobody when those who had it have been forgotten."""
    try:
        return set(expand(of, cards))
    except InputError:
        return set()


def _raise_refusal(names: Sequence[str], outcomes: Sequence[BaseException | None]) -> None:
    """Raise the first refusal there is, saying who has the letter all the same."""
    refusal = next((outcome for outcome in outcomes if outcome is not None), None)
    if refusal is None:
        return
    has = [name for name, outcome in zip(names, outcomes, strict=True) if outcome is None]
    told = f"not sent to {', '.join(name for name in names if name not in has)}"
    told += f"; sent to {', '.join(has)}" if has else ""
    if len(names) > 1 and isinstance(refusal, MailboxFull):
        raise MailboxFull(refusal.agent, refusal.limit, told)
    if has and isinstance(refusal, EngineDown):
        raise type(refusal)(f"{refusal} ({told})") from refusal
    raise refusal


def _words(
    recipients: Sequence[str], members: Sequence[Member], busy: Collection[str], paused: Collection[str], ttl_s: float
) -> list[str]:
    """A line for each sort of recipient: when it reads the letter."""
    cards = _cards([one for one in members if one.lives])
    ready = {card.name for card in cards if card.state is AgentState.READY}
    deaf = {card.name for card in cards if not card.reads}
    kept = f"{ttl_s / 60:g} min"
    sorts = {
        "work": "at work, and reads it at the next step",
        "idle": f"idle; the next task within {kept} reads it",
        "paused": f"paused; it reads it after `ez resume`, within {kept}",
        "cannot": f"cannot read it now, `ez agents` says why (unavailable, or no host lives); it is kept for {kept}",
        "deaf": f"does not read messages; it is kept for {kept} where `ez msg` shows it",
        "user": "kept where you can read it: `ez msg user`",
    }

    def sort(name: str) -> str:
        if name == USER:
            return "user"
        if name in deaf:
            return "deaf"
        if name not in busy and name not in ready:
            return "cannot"
        if name in paused or EVERYTHING in paused:
            return "paused"
        return "work" if name in busy else "idle"

    found = [(word, [name for name in recipients if sort(name) == word]) for word in sorts]
    return [f"sent to {', '.join(names)}: {sorts[word]}" for word, names in found if names]
