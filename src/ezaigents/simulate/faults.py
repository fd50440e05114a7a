"""What goes wrong on purpose. Job: faults, how they are written down, and whose turn it is. Not its job: doing them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from random import Random

import msgspec

from ezaigents.errors import ConfigError
from ezaigents.simulate.asked import Asked
from ezaigents.simulate.bounded import Bounded

FAULT_HEADER = "x-ez-fault"
_COUNTERS_MOST = 100_000
_IN_PROMPT = re.compile(r"\[fault ([^\]\n]{1,500})\]")


class Per(StrEnum):
    """Whose calls `first` and `after` count."""

    PROMPT = "prompt"
    KEY = "key"
    ALL = "all"


class Reply(StrEnum):
    """An answer that is none."""

    REFUSAL = "refusal"
    EMPTY = "empty"
    CUT = "cut"


class UsageSaid(StrEnum):
    """What the provider says it used."""

    MISSING = "missing"
    ZERO = "zero"
    HUGE = "huge"


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault: whom it befalls, and what happens.

    Whom: `match`, `model`, `dialect` (patterns, searched without case), `step` (-1 = any), the `first` so many calls
    of each `per` (0 = all) `after` so many, by `chance`.
    What: `status` with `reason` (spend_limit, too_long, unknown_model) and `retry_after` (sent as it is); seconds
    before the first byte and between pieces of `piece_bytes` (0 = an event each); `cut_after_bytes` of the body the
    connection ends (-1 = never); `hang`: from there on silence; `endless`: the stream goes on for ever; `broken`:
    malformed JSON or events; `error_event`: an error in the middle of a stream; `twice`: every event comes again;
    `usage`; `reply`; `text`, `text_file`: the model says this; `argument_bytes`: a call with so long an argument.
    """

    match: str = ""
    model: str = ""
    dialect: str = ""
    step: int = -1
    first: int = 0
    after: int = 0
    per: Per = Per.PROMPT
    chance: float = 1.0
    status: int = 0
    reason: str = ""
    retry_after: str | int | float = ""
    first_byte_s: float = 0.0
    between_s: float = 0.0
    piece_bytes: int = 0
    cut_after_bytes: int = -1
    hang: bool = False
    endless: bool = False
    broken: bool = False
    error_event: bool = False
    twice: bool = False
    usage: UsageSaid | None = None
    reply: Reply | None = None
    text: str = ""
    text_file: str = ""
    argument_bytes: int = 0

    def with_text(self, folder: Path | None) -> Fault:
        """The same with the file's words as `text`; a relative path begins at `folder`. Raises OSError."""
        if not self.text_file:
            return self
        path = (folder or Path()) / self.text_file
        return msgspec.structs.replace(self, text=path.read_text("utf-8", "replace"), text_file="")

    def may_befall(self, asked: Asked) -> bool:
        """Say whether it is meant for such a request."""
        if self.step not in (-1, asked.step):
            return False
        pairs = ((self.match, asked.prompt), (self.model, asked.model), (self.dialect, asked.dialect))
        return all(not pattern or re.search(pattern, text, re.IGNORECASE | re.DOTALL) for pattern, text in pairs)


NONE = Fault()


def parse_fault(spec: str) -> Fault:
    """Read `STATUS,NAME=VALUE,NAME,...`, such as `429,retry_after=2,first=2` or `hang`. Raises ConfigError."""
    fields: dict[str, object] = {}
    for word in filter(None, (part.strip() for part in spec.split(","))):
        name, equals, value = word.partition("=")
        if word.isdecimal():
            fields["status"] = word
        else:
            fields[name.strip()] = value.strip() if equals else True
    try:
        fault = msgspec.convert(fields, Fault, strict=False)
        for pattern in (fault.match, fault.model, fault.dialect):
            re.compile(pattern)
    except (msgspec.ValidationError, re.error) as error:
        raise ConfigError(f"fault {spec[:200]!r}: {error}; docs/simulator.md lists what there is") from None
    return fault


def asked_for(asked: Asked, header: str) -> list[Fault]:
    """Faults that the request itself asks for: in its header (`;` between them), and in its prompt. Raises ConfigError.

    None of them may name a file: whoever can send a request cannot thereby read one.
    """
    specs = [*filter(None, (part.strip() for part in header.split(";"))), *_IN_PROMPT.findall(asked.prompt)]
    faults = [parse_fault(spec) for spec in specs]
    if any(fault.text_file for fault in faults):
        raise ConfigError("fault: text_file can be used in rule files and options only")
    return faults


class FaultBook:
    """Whose turn it is. Counts calls, so that a fault befalls the first two, say, and then no more."""

    def __init__(self, faults: Iterable[Fault], random: Random) -> None:
        self._faults = tuple(faults)
        self._random = random
        self._counts: Bounded[tuple[Fault, str], int] = Bounded(_COUNTERS_MOST)

    def pick(self, asked: Asked, key: str, besides: Iterable[Fault]) -> Fault:
        """The first fault whose turn it is, those of `besides` before the others; NONE = nothing goes wrong."""
        candidates = (fault for fault in (*besides, *self._faults) if fault.may_befall(asked))
        return next((fault for fault in candidates if self._is_its_turn(fault, asked, key)), NONE)

    def _is_its_turn(self, fault: Fault, asked: Asked, key: str) -> bool:
        whose = {Per.PROMPT: asked.prompt, Per.KEY: key, Per.ALL: ""}[fault.per]
        count = self._counts.get((fault, whose)) or 0
        self._counts.put((fault, whose), count + 1)
        if count < fault.after or (fault.first and count >= fault.after + fault.first):
            return False
        return self._random.random() < fault.chance
