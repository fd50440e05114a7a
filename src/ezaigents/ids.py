"""Ids that sort by time: 10 characters of milliseconds, 8 of randomness, in Crockford's base 32.

Source: the ULID layout (github.com/ulid/spec, read 2026-11), shortened: 40 random bits are enough because a
submit that meets an existing id with another body is refused and repeated with a new one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from ezaigents.clock import Clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 40
ID_LENGTH = 18
_ID = re.compile(rf"[{_ALPHABET}]{{{ID_LENGTH}}}\Z")


def is_id(text: str) -> bool:
    """Say whether `text` has the form of an id (a task's or a run's)."""
    return _ID.match(text) is not None


def id_wall_ms(task_id: str) -> int:
    """Milliseconds since 1970 UTC at which the id was made; `task_id` must have the form of an id."""
    value = 0
    for char in task_id[:10]:
        value = value * 32 + _ALPHABET.index(char)
    return value


class IdMaker:
    """Makes ids that rise strictly within one maker, even when the clock stands still or goes back.

    Not safe to share between threads.
    """

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last = 0

    def __call__(self) -> str:
        """Return the next id: 18 lower-case characters."""
        fresh = (self._clock.wall_ms() << _RANDOM_BITS) | int.from_bytes(self._randomness(5), "big")
        value = self._last = max(fresh, self._last + 1)
        chars = []
        for _ in range(ID_LENGTH):
            chars.append(_ALPHABET[value & 31])
            value >>= 5
        return "".join(reversed(chars))
