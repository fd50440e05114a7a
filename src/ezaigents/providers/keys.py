"""The keys of each provider. Job: find them, deal them out in turn, let one rest. Not its job: files (keyfiles).

Sources, in order: the provider's own environment variables, each a list with commas, then the file that `ez keys set`
writes. Files are looked at before each choice, so that a new key is taken up at once. A key leaves this file only as
`Secret.reveal()`, into the headers of one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

from ezaigents.clock import Clock
from ezaigents.providers.catalogue import Provider
from ezaigents.providers.keyfiles import KeyFile, is_key, read_keys, stamp_of

SIMULATED_KEY = "simulated"


class Secret:
    """A key that shows nothing of itself, and cannot be copied out by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the headers of a call."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "…"

    def __format__(self, spec: str) -> str:
        return "…"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never written down")

    __str__ = __repr__


class Key:
    """One key and how it fares. `number`: from 1, within its provider. `source`: where it is from, in words.

    `rests_until_s`: by the monotonic clock. `strikes`: rate limits in a row. `refused`: the provider does not know it.
    """

    __slots__ = ("number", "refused", "rests_until_s", "secret", "source", "strikes")

    def __init__(self, number: int, secret: Secret, source: str) -> None:
        self.number = number
        self.secret = secret
        self.source = source
        self.rests_until_s = 0.0
        self.strikes = 0
        self.refused = False

    def __repr__(self) -> str:
        return f"<Key {self.number} from {self.source}>"


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told of a provider's keys. `sources`: where they are from. `problem`: with its file."""

    provider: str
    count: int
    sources: tuple[str, ...]
    health: str
    problem: str = ""


class KeyPool:
    """All keys of all providers. `folder`: where the files are. `environ`: what the environment said at the start."""

    def __init__(
        self, providers: Mapping[str, Provider], folder: Path, environ: Mapping[str, str], clock: Clock, *,
        simulated: bool = False,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._rings = {
            name: _Ring(provider, folder / name, environ, simulated=simulated) for name, provider in providers.items()
        }

    def choose(self, provider: str) -> Key | None:
        """The next key that may be used now, each in its turn; None = there is none now, or none at all."""
        ring = self._ring(provider)
        now_s = self._clock.monotonic_s()
        return ring.next(lambda key: not key.refused and key.rests_until_s <= now_s)

    def wait_s(self, provider: str) -> float:
        """Seconds until a key may be used; 0 = one can be now; infinite = none will be."""
        ring = self._ring(provider)
        now_s = self._clock.monotonic_s()
        waits = [max(0.0, key.rests_until_s - now_s) for key in ring.keys if not key.refused]
        return min(waits, default=float("inf"))

    def why_none(self, provider: str) -> str:
        """Why no key will ever do, in words that say what helps; "" = one does, or needs none."""
        ring = self._ring(provider)
        if ring.provider.local and not ring.keys:
            return ""
        if not ring.keys:
            return ring.problem or f"no key for {provider}: {ring.advice}"
        if all(key.refused for key in ring.keys):
            return f"{provider} refused {'its key' if len(ring.keys) == 1 else 'all its keys'}: {ring.advice}"
        return ""

    def rest(self, key: Key, rest_s: float) -> None:
        """Leave a key alone for a while: the provider limits it."""
        key.strikes += 1
        key.rests_until_s = max(key.rests_until_s, self._clock.monotonic_s() + rest_s)

    def refuse(self, key: Key) -> None:
        """Do not use a key again until the provider's file of keys changes: it is not known there."""
        key.refused = True

    def worked(self, key: Key) -> None:
        """A call with it was answered."""
        key.strikes = 0

    def generation(self, provider: str) -> int:
        """A number that rises whenever the provider's keys may have changed."""
        return self._ring(provider).generation

    def secrets(self) -> Iterator[str]:
        """Every key, for the redactor and nobody else."""
        for ring in self._rings.values():
            yield from (key.secret.reveal() for key in ring.keys if key.source != SIMULATED_KEY)

    def refresh(self) -> bool:
        """Look at every file; True when a key came or went."""
        changed = [ring.refresh() for ring in self._rings.values()]
        return any(changed)

    def describe(self) -> list[KeyRow]:
        """A row for each provider; nothing in it is part of a key."""
        return [self._row(name) for name in self._rings]

    def _row(self, name: str) -> KeyRow:
        ring = self._ring(name)
        sources = tuple(dict.fromkeys(key.source for key in ring.keys))
        health = self._health(ring)
        return KeyRow(provider=name, count=len(ring.keys), sources=sources, health=health, problem=ring.problem)

    def _health(self, ring: _Ring) -> str:
        if not ring.keys:
            return "needs none" if ring.provider.local else "absent"
        now_s = self._clock.monotonic_s()
        refused = sum(key.refused for key in ring.keys)
        resting = sum(key.rests_until_s > now_s and not key.refused for key in ring.keys)
        words = [f"{count} {word}" for count, word in ((refused, "refused"), (resting, "resting")) if count]
        return ", ".join(words) or "ready"

    def _ring(self, provider: str) -> _Ring:
        ring = self._rings[provider]
        ring.refresh()
        return ring


class _Ring:
    """The keys of one provider, in their order, and whose turn it is."""

    def __init__(self, provider: Provider, path: Path, environ: Mapping[str, str], *, simulated: bool) -> None:
        self.provider = provider
        self.keys: list[Key] = []
        self.file = KeyFile(None)
        self.generation = 0
        self._path = path
        self._given = [(SIMULATED_KEY, SIMULATED_KEY)] if simulated else list(_from_environment(provider, environ))
        self._misgiven = "" if simulated else _misgiven(provider, environ)
        self._simulated = simulated
        self._turn = 0
        self.refresh(always=True)

    @property
    def problem(self) -> str:
        """What is wrong with a source, "" = nothing."""
        return self.file.problem or self._misgiven

    @property
    def advice(self) -> str:
        """What to type for a key to be there."""
        variables = [f"set {name}" for name in self.provider.key_variables[:1]]
        return " or ".join([*variables, f"type `ez keys set {self.provider.name}`"])

    def next(self, usable: Callable[[Key], bool]) -> Key | None:
        """The first usable key from whose turn it is on."""
        for step in range(len(self.keys)):
            key = self.keys[(self._turn + step) % len(self.keys)]
            if usable(key):
                self._turn = (self._turn + step + 1) % len(self.keys)
                return key
        return None

    def refresh(self, *, always: bool = False) -> bool:
        """Read the file again where it changed; a key that stays keeps its rest, none stays refused."""
        if self._simulated and not always:
            return False
        if not always and stamp_of(self._path) == self.file.stamp:
            return False
        self.file = KeyFile(None) if self._simulated else read_keys(self._path)
        self.generation += 1
        before = {key.secret.reveal(): key for key in self.keys}
        self.keys = list(_numbered([*self._given, *((key, "file") for key in self.file.keys)]))
        for key in self.keys:
            if (former := before.pop(key.secret.reveal(), None)) is not None:
                key.rests_until_s, key.strikes = former.rests_until_s, former.strikes
        return True


def _from_environment(provider: Provider, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in provider.key_variables:
        for text in environ.get(name, "").split(","):
            if (key := text.strip()) and is_key(key):
                yield key, f"environment {name}"


def _misgiven(provider: Provider, environ: Mapping[str, str]) -> str:
    wrong = [
        name
        for name in provider.key_variables
        if not all(is_key(one.strip()) for one in environ.get(name, "").split(","))
    ]
    return f"environment {wrong[0]} holds what is no key; set it anew" if wrong else ""


def _numbered(found: Iterable[tuple[str, str]]) -> Iterator[Key]:
    seen: dict[str, str] = {}
    for value, source in found:
        seen.setdefault(value, source)
    for number, (value, source) in enumerate(seen.items(), 1):
        yield Key(number, Secret(value), source)
