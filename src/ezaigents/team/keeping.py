"""Holding file leases for a while. Job: take them, prolong them as long as the work goes on, give them back.

Not its job: who may hold what (leases), what is done meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ezaigents.errors import EzError
from ezaigents.team.lease_records import Grant, Holder
from ezaigents.team.leases import FileLeases

_log = logging.getLogger(__name__)
_RENEWALS_PER_LEASE = 3
_MARGIN = 4
"""The last quarter of a lease is not written in: whoever comes next may begin when it ends."""


class Kept:
    """Leases that are held, by this process's clock. Made by `keep`; safe to ask from any thread."""

    def __init__(self, grant: Grant, ttl_s: float) -> None:
        self.grant = grant
        self._margin_s = ttl_s / _MARGIN
        self._ends_at = grant.ends_at

    @property
    def surely_ours(self) -> bool:
        """False once they may have been taken over; nothing may be written then."""
        return time.monotonic() < self._ends_at - self._margin_s

    def prolonged(self, ends_at: float) -> None:
        """They were renewed, until this monotonic time."""
        self._ends_at = ends_at

    def lost(self) -> None:
        """Somebody else has them."""
        self._ends_at = float("-inf")


@asynccontextmanager
async def keep(
    leases: FileLeases, holder: Holder, patterns: Sequence[str], *, ttl_s: float, wait_s: float
) -> AsyncIterator[Kept]:
    """Hold leases on all the patterns for the length of the `async with`. Raises LeaseBusy, EngineDown.

    `ttl_s`: how long they outlive a holder that dies. `wait_s`: how long to wait for those that others hold.
    """
    grant = await leases.acquire(holder, patterns, ttl_s=ttl_s, wait_s=wait_s)
    kept = Kept(grant, ttl_s)
    renewing = asyncio.ensure_future(_renew(leases, holder, kept, ttl_s))
    try:
        yield kept
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        with contextlib.suppress(EzError):  # they end by themselves
            await leases.release(holder, grant.patterns)


async def _renew(leases: FileLeases, holder: Holder, kept: Kept, ttl_s: float) -> None:
    while True:
        await asyncio.sleep(ttl_s / _RENEWALS_PER_LEASE)
        sent_at = time.monotonic()
        try:
            answer = (await leases.renew([kept.grant], ttl_s))[0]
        except EzError as error:
            _log.warning("file leases of task %s were not renewed: %s", holder.task, error)
            continue
        if answer != "OK":
            _log.warning("file leases of task %s were taken over", holder.task)
            kept.lost()
            return
        kept.prolonged(sent_at + ttl_s)
