"""Ids of tool calls as one provider takes them back.

Job: keep an id where it will do, else make one from it, the same every time. Not its job: whether each call has its
result. Providers refuse ids of each other's form, and ids that come twice in one conversation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from ezaigents.providers.transcript import ToolCall

ANY = re.compile(r"[!-~]{1,64}")
WORD = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NINE = re.compile(r"[a-zA-Z0-9]{9}")


class CallIds:
    """The ids of one conversation, asked in its order. `form`: what the provider takes."""

    def __init__(self, form: re.Pattern[str]) -> None:
        self._form = form
        self._sent: set[str] = set()
        self._newest: dict[str, str] = {}

    def call(self, own: str) -> str:
        """The id to send for a call."""
        sent = own if self._form.fullmatch(own) and own not in self._sent else self._made(own)
        self._sent.add(sent)
        self._newest[own] = sent
        return sent

    def result(self, own: str) -> str:
        """The id to send with a result: that of the newest call whose own id it names."""
        return self._newest.get(own) or self.call(own)

    def _made(self, own: str) -> str:
        number = 0
        while (made := self._digest(f"{own}\n{number}")) in self._sent:
            number += 1
        return made

    def _digest(self, text: str) -> str:
        digits = digest(text)
        return digits[:9] if self._form is NINE else f"call_{digits}"


def digest(text: str) -> str:
    """Twenty-four letters and digits that stand for the text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def told_apart(calls: Iterable[ToolCall], seed: str) -> list[ToolCall]:
    """The calls of one answer, each with an id of its own; one without gets the same one every time.

    `seed`: what tells this answer from others.
    """
    seen: set[str] = set()
    apart: list[ToolCall] = []
    for number, call in enumerate(calls):
        own = call.id
        if not own or own in seen:
            own = "call_" + digest("\n".join((seed, str(number), call.name, call.arguments)))
        seen.add(own)
        apart.append(ToolCall(id=own, name=call.name, arguments=call.arguments))
    return apart
