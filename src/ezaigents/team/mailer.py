"""Sending letters. Job: gather those of concurrent callers into batches, find the recipients of an address.

Not its job: who sends and how many hops a letter has gone (stamped by the runtime), reading (inbox.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from ezaigents.errors import InputError
from ezaigents.policy import nearest_name
from ezaigents.records import AgentCard, Answer
from ezaigents.team.letters import ALL, USER, Letter, MailboxFull, MessageStore, check_letter

_BATCH = 256
"""Letters in one script: keeps it under two milliseconds."""
_Waiting = tuple[Letter, "asyncio.Future[None]"]


class Mailer:
    """The one way out for the letters of a process: one batch is under way at a time, so that it may be repeated.

    What waits here is bounded by the callers, each of whom waits for its letter.
    """

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self._waiting: deque[_Waiting] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def send(self, letter: Letter) -> None:
        """Send a letter to one recipient; when this returns, it is in the engine's log.

        Raises InputError, HopsSpent, MailboxFull, EngineFull; EngineDown: it may have been sent or not. A caller that
        is cancelled does not take its letter back.
        """
        check_letter(letter)
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((letter, sent))
        if self._sending is None:
            self._sending = asyncio.ensure_future(self._send_all())
        await sent

    async def close(self) -> None:
        """Wait until every letter handed in is sent, or cannot be."""
        while self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                await self._send(batch)
        finally:
            self._sending = None

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._store.send([letter for letter, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it was, it is told to each who waits for it
            for _, sent in batch:
                if not sent.done():
                    sent.set_exception(error)
            return
        for (letter, sent), answer in zip(batch, answers, strict=True):
            if sent.done():
                continue
            if answer is Answer.FULL:
                sent.set_exception(MailboxFull(letter.to, self._store.mailbox_most))
            else:
                sent.set_result(None)


def expand(to: str, cards: Sequence[AgentCard]) -> tuple[str, ...]:
    """The recipients of an address: an agent, `+capability` (all that have it), `all` (every one declared), `user`.

    Raises InputError with the nearest known one, or where all are listed, when it has none.
    """
    if to == USER:
        return (to,)
    names = tuple(dict.fromkeys(card.name for card in cards))
    if to in names:
        return (to,)
    if to == ALL and names:
        return names
    able = tuple(dict.fromkeys(card.name for card in cards if to[1:] in card.capabilities))
    if to.startswith("+") and able:
        return able
    known = [*names, USER, ALL, *(f"+{one}" for card in cards for one in card.capabilities)]
    hint = nearest_name(to, known)
    way_out = f"did you mean {hint!r}?" if hint else "`ez agents` lists everybody"
    raise InputError("to", f"nobody is called {to[:80]!r}; {way_out}")
