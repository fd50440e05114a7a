"""What agents and the user say to each other: the records, and the seam behind which messages are kept.

Job: Letter, Message, what a letter may be, MessageStore. Not its job: storing (messages.py, plain_messages.py), and
making text fit to be shown: control characters are data here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ezaigents.errors import InputError, LimitReached
from ezaigents.records import Answer

USER = "user"
ALL = "all"
DATA_MOST_BYTES = 64 * 1024
NAME_MOST_BYTES = 128
TYPE_MOST = 64
HOPS_MOST = 16
"""Answers to answers: two agents that answer each other end here."""
LOOK_MOST = 500
"""Messages in one look at a mailbox. Of the shortest they are some kilobytes, of the longest 32 MB."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says to one recipient, an agent or `user`.

    `type`: 1 to 64 printable characters, such as note, question, answer. `data`: text, at most 64 KiB.
    `sender`, `hops` and `task` are stamped by whoever runs the sender, never taken from `data`: `hops` is 0, or one
    more than the most that the sender has read; `task` is the sender's, "" = none.
    """

    to: str
    sender: str
    type: str
    data: str
    hops: int = 0
    task: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A letter in its mailbox. `id` rises in one mailbox. `at_ms`: when it was accepted, by the engine's clock."""

    id: str
    to: str
    sender: str
    type: str
    data: str
    hops: int
    task: str
    at_ms: int


class MailboxFull(LimitReached):
    """`agent` has as many unread messages as it may. `others`: what became of a letter that went to more than one."""

    def __init__(self, agent: str, limit: int, others: str = "") -> None:
        super().__init__(
            f"the mailbox of {agent} is full: {limit} unread messages, and no more fit; "
            f"wait until {agent} has read some, or raise mailbox_most in ezaigents.toml"
            + (f" ({others})" if others else "")
        )
        self.agent = agent
        self.limit = limit


class HopsSpent(LimitReached):
    """A letter answers an answer that answers an answer, and so on: `hops` times."""

    def __init__(self, to: str, hops: int) -> None:
        super().__init__(
            f"the letter to {to} was not sent: it is number {hops} in a chain of answers, limit {HOPS_MOST}; "
            "end this conversation, and begin another from a new task if it must go on"
        )
        self.to = to
        self.hops = hops


class MessageStore(Protocol):
    """Where messages are kept for as long as they live, read or not. None is ever shown after that.

    Every call is repeated while the engine is away, with one effect. Raises EngineDown when it stays away.
    """

    mailbox_most: int

    async def send(self, letters: Sequence[Letter]) -> list[Answer]:
        """Put letters that `check_letter` lets through into mailboxes: OK each, or FULL and not sent.

        One batch after the other, at most 256 letters in each: the Mailer sees to both. Each recipient of the batch
        gets one hint on its channel. Raises EngineFull, and RetryLater when long data cannot be written.
        """

    async def unread(self, agent: str, *, after: str = "", since: str = "") -> list[Message]:
        """The oldest messages, at most 500, behind what was acknowledged and behind `after` (an id, "" = none).

        `since` (an id, "" = none): what came after it counts as unread, even where another has acknowledged it.
        """

    async def ack(self, agent: str, message_id: str) -> None:
        """An agent has taken its messages up to this one. Never goes back."""

    async def window(self, agent: str, *, after: str = "", most: int = LOOK_MOST) -> list[Message]:
        """The oldest messages behind `after`, read or not: for showing a conversation, page by page."""

    async def counts(self, agents: Sequence[str]) -> dict[str, int]:
        """How many unread messages each has."""


def check_letter(letter: Letter) -> None:
    """Raise InputError naming the field, or HopsSpent, for a letter that cannot be sent as it is."""
    for field, name in (("to", letter.to), ("sender", letter.sender), ("task", letter.task)):
        if _size_bytes(field, name) > NAME_MOST_BYTES or (not name and field != "task"):
            raise InputError(field, f"must be a name of 1 to {NAME_MOST_BYTES} bytes, not {name[:40]!r}")
    if is_reserved(letter.to) and letter.to != USER:
        raise InputError("to", f"{letter.to!r} is an address, not a name; `expand` gives its recipients")
    if not 1 <= len(letter.type) <= TYPE_MOST or not letter.type.isprintable():
        raise InputError("type", f"must be 1 to {TYPE_MOST} printable characters, not {letter.type[:80]!r}")
    size_bytes = _size_bytes("data", letter.data)
    if size_bytes > DATA_MOST_BYTES:
        raise InputError(
            "data", f"is {size_bytes} bytes, limit {DATA_MOST_BYTES}; write it to a file and send the file's name"
        )
    if letter.hops > HOPS_MOST:
        raise HopsSpent(letter.to, letter.hops)


def is_reserved(name: str) -> bool:
    """Say whether no agent may have this name: `user`, `all`, and what begins with `+` are addresses."""
    return name in (USER, ALL) or name.startswith("+")


def _size_bytes(field: str, text: str) -> int:
    try:
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise InputError(field, "is not valid UTF-8; hand it in as `storable` makes it") from None
