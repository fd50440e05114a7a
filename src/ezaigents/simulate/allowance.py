"""What the rate-limit headers say. Job: count each key's minute. Not its job: refusing; faults do that."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from ezaigents.clock import Clock
from ezaigents.simulate.bounded import Bounded
from ezaigents.simulate.wire.form import Allowance

_KEYS_MOST = 1000
_MINUTE_MS = 60_000
REQUESTS_PER_MINUTE = 4000
TOKENS_PER_MINUTE = 4_000_000


class Allowances:
    """Counts requests and tokens of each key, by its hash."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent: Bounded[bytes, tuple[int, int, int]] = Bounded(_KEYS_MOST)

    def take(self, key: str, tokens: int) -> Allowance:
        """Count one request, and say what is left until the minute ends."""
        now_ms = self._clock.wall_ms()
        minute = now_ms // _MINUTE_MS
        name = hashlib.sha256(key.encode()).digest()
        then, requests, spent = self._spent.get(name) or (minute, 0, 0)
        if then != minute:
            requests = spent = 0
        requests, spent = requests + 1, spent + tokens
        self._spent.put(name, (minute, requests, spent))
        end_ms = (minute + 1) * _MINUTE_MS
        return Allowance(
            requests=REQUESTS_PER_MINUTE,
            requests_left=max(0, REQUESTS_PER_MINUTE - requests),
            tokens=TOKENS_PER_MINUTE,
            tokens_left=max(0, TOKENS_PER_MINUTE - spent),
            reset_s=-(-(end_ms - now_ms) // 1000),
            reset_at=datetime.fromtimestamp(end_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
