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
from ezaigents.queue import Held, Keys
from ezaigents.records import AgentCard, Claim
from ezaigents.team import Team

if TYPE_CHECKING:
    from ezaigents.team import Inbox, Message

_CARDS_S = 30.0
"""Who there is is asked again after this; an address nobody has by then is asked for at once."""


class Post:
    """Belongs to the host's event loop."""

    def __init__(
        self, connection: Connection, keys: Keys, team: Team, own: Sequence[AgentCard], *, pushed: bool
    ) -> None:
        self._connection = connection
        self._team = team
        self._own = own
        self._pushed = pushed
        self._mail = keys.mail("")
        self._unlocked = keys.unlocked()
        self._inboxes: dict[Held, tuple[str, Inbox, asyncio.Event]] = {}
        self._hears_mail = False
        self._cards: tuple[AgentCard, ...] = ()
        self._cards_until = 0.0

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

    def _hint(self, agent: str) -> None:
        for of, _, event in self._inboxes.values():
            if agent in ("", of):
                event.set()

    async def _hear_mail(self) -> None:
        if self._pushed and not self._hears_mail:
            self._hears_mail = True
            await self._connection.listen(pattern=f"{self._mail}*")

    # -- taking --------------------------------------------------------------------------------------------------

    async def take(self, claim: Claim) -> list[Message]:
        """What came for the attempt's agent since the last time."""
        of = Held(claim.id, claim.fence)
        if of not in self._inboxes:
            from ezaigents.team import Inbox

            await self._hear_mail()
            event = asyncio.Event()
            inbox = Inbox(self._team.messages, claim.agent, event, since_ms=claim.fence // 1000)
            self._inboxes[of] = (claim.agent, inbox, event)
        _, inbox, event = self._inboxes[of]
        if not self._pushed:
            event.set()  # nobody tells us: look each time
        return await inbox.take()

    async def close(self, claim: Claim, *, taken: bool) -> None:
        """The attempt is over; `taken`: it has dealt with what it was given last."""
        entry = self._inboxes.pop(Held(claim.id, claim.fence), None)
        if entry is not None:
            await entry[1].close(taken=taken)

    # -- sending -------------------------------------------------------------------------------------------------

    async def send(self, claim: Claim, to: str, data: str, kind: str) -> None:
        """Send what an attempt says: its sender, its task and its hops are stamped here, whatever the text claims."""
        from ezaigents.team import Letter, expand

        entry = self._inboxes.get(Held(claim.id, claim.fence))
        hops = entry[1].hops + 1 if entry else 0
        letters = [
            Letter(to=name, sender=claim.agent, type=kind, data=data, hops=hops, task=claim.id)
            for name in expand(to, await self._everyone())
            if name != claim.agent or to == claim.agent
        ]
        await asyncio.gather(*[self._team.mailer.send(letter) for letter in letters])

    async def _everyone(self) -> tuple[AgentCard, ...]:
        if time.monotonic() > self._cards_until:
            seen = await self._team.registry.hosts()
            others = [card for row in seen for card in row.card.agents]
            self._cards = (*self._own, *others)
            self._cards_until = time.monotonic() + _CARDS_S
        return self._cards
