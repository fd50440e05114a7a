"""The post of one host. Job: inboxes of running attempts, the hints that fill them, letters with their sender on them.

It listens to the channel of mail from the first time an agent takes some: agents that do not talk cost nothing. Not its
job: storing messages, holding leases (team).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ezaigents.engine import Connection
from ezaigents.errors import InputError
from ezaigents.queue import Held, Queue
from ezaigents.records import AgentCard, Claim
from ezaigents.team import Team

if TYPE_CHECKING:
    from ezaigents.team import Inbox, Message

_CARDS_S = 30.0
"""Who there is is asked again after this; an address nobody has by then is asked for at once."""
_NAMED = 10
"""A refusal names this many of those who have a letter to many."""


class Post:
    """Belongs to the host's event loop. An engine that is away for a moment is waited for."""

    def __init__(
        self, connection: Connection, queue: Queue, team: Team, own: Sequence[AgentCard], *, pushed: bool
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._team = team
        self._own = own
        self.pushed = pushed
        """Whether hints are waited for; else it is looked again and again."""
        self._mail = queue.keys.mail("")
        self._unlocked = queue.keys.unlocked()
        self._inboxes: dict[Held, tuple[str, Inbox, asyncio.Event]] = {}
        self._hears_mail = False
        self._hearing = asyncio.Lock()
        self._cards: tuple[AgentCard, ...] = ()
        self._names: frozenset[str] = frozenset()
        self._cards_of_s = float("-inf")
        self._looking_up = asyncio.Lock()

    # -- hints ---------------------------------------------------------------------------------------------------

    def on_heard(self, channel: str) -> bool:
        """Something was published; says whether it was for here."""
        if channel.startswith(self._mail):
            self._hint(channel[len(self._mail) :])
            return True
        if channel == self._unlocked:
            self._team.on_unlocked()
            return True
        return False

    def on_restored(self) -> None:
        """Hints may have been missed."""
        self._hint("")
        self._team.on_unlocked()

    def exchange(self, *, pushed: bool) -> None:
        """Hear of mail, or look for it each time, from now on; what came between is looked for."""
        self.pushed = pushed
        self._hint("")

    def _hint(self, agent: str) -> None:
        for of, _, event in self._inboxes.values():
            if agent in ("", of):
                event.set()

    async def _hear_mail(self) -> None:
        if not self.pushed or self._hears_mail:
            return
        async with self._hearing:
            if not self._hears_mail:
                await self._queue.answered(lambda: self._connection.listen(pattern=f"{self._mail}*"))
                self._hears_mail = True
                self._hint("")  # what came before that

    # -- taking --------------------------------------------------------------------------------------------------

    async def take(self, claim: Claim) -> list[Message]:
        """What came for the attempt's agent since the last time."""
        of = Held(claim.id, claim.fence)
        await self._hear_mail()
        if of not in self._inboxes:
            from ezaigents.team import Inbox

            event = asyncio.Event()
            inbox = Inbox(self._team.messages, claim.agent, event, since_ms=claim.fence // 1000)
            self._inboxes[of] = (claim.agent, inbox, event)
        _, inbox, event = self._inboxes[of]
        if not self.pushed:
            event.set()  # nobody tells us: look each time
        return await inbox.take()

    async def close(self, claim: Claim, *, taken: bool) -> None:
        """The attempt is over; `taken`: it has dealt with what it was given last."""
        entry = self._inboxes.pop(Held(claim.id, claim.fence), None)
        if entry is not None:
            await entry[1].close(taken=taken)

    # -- sending -------------------------------------------------------------------------------------------------

    async def send(self, claim: Claim, to: str, data: str, kind: str) -> None:
        """Send what an attempt says: its sender, its task and its hops are stamped here, whatever the text claims.

        A letter to many goes to each who can have it, before the first refusal is raised, which says who has it.
        """
        from ezaigents.team import Letter

        entry = self._inboxes.get(Held(claim.id, claim.fence))
        hops = entry[1].hops + 1 if entry else 0
        names = [name for name in await self._recipients(to) if name != claim.agent or to == claim.agent]
        if not names:
            raise InputError("to", f"{to!r} is nobody but {claim.agent} itself, the sender; name somebody else")
        letters = [
            Letter(to=name, sender=claim.agent, type=kind, data=data, hops=hops, task=claim.id) for name in names
        ]
        sending = [self._team.mailer.send(letter) for letter in letters]
        _raise_refusal(names, await asyncio.gather(*sending, return_exceptions=True))

    async def _recipients(self, to: str) -> tuple[str, ...]:
        from ezaigents.team import expand

        now_s = time.monotonic()
        await self._look_up(now_s - _CARDS_S)
        if to in self._names:
            return (to,)
        try:
            return expand(to, self._cards)
        except InputError:
            await self._look_up(now_s)
            return expand(to, self._cards)

    async def _look_up(self, since_s: float) -> None:
        """See that what we know of who there is was asked for at `since_s` (monotonic) or later."""
        async with self._looking_up:
            if self._cards_of_s >= since_s:
                return
            asked_s = time.monotonic()
            seen = await self._queue.answered(self._team.registry.hosts)
            cards = [*self._own, *(card for row in seen for card in row.card.agents)]
            # Our own are in the registry too, and hosts that declare the same agent may say other things of it.
            self._cards = tuple({(card.name, card.capabilities): card for card in cards}.values())
            self._names = frozenset(card.name for card in cards)
            self._cards_of_s = asked_s


def _raise_refusal(names: Sequence[str], outcomes: Sequence[BaseException | None]) -> None:
    from ezaigents.team import MailboxFull

    refusal = next((outcome for outcome in outcomes if outcome is not None), None)
    if isinstance(refusal, MailboxFull) and len(names) > 1:
        have_it = [name for name, outcome in zip(names, outcomes, strict=True) if outcome is None]
        more = f" and {len(have_it) - _NAMED} more" if len(have_it) > _NAMED else ""
        told = f"of {len(names)} recipients {len(have_it)} have it already: {', '.join(have_it[:_NAMED])}{more}"
        raise MailboxFull(refusal.agent, refusal.limit, told if have_it else "nobody has it")
    if refusal is not None:
        raise refusal
