"""Keeping claims. Job: a thread with a connection of its own renews all claims of the host in one call.

It renews only while the event loop moves: a host that hangs must lose its claims. It also logs where the loop hangs.
It sleeps while nothing runs, and sends nothing for tasks shorter than one beat.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable

from ezaigents.engine import Address, BlockingConnection
from ezaigents.queue import Held, Keys, Script, call_script_blocking, renew_args

_log = logging.getLogger(__name__)
Renewed = Callable[[float, list[Held], list[bytes]], None]
_LAG_S = 2.0
"""A loop that has not moved for this long (with short leases: a third of one) is reported, with its stack."""


class Renewer:
    """Renews what is in `held` (task id to fence; the host's loop owns it) every `every_s` seconds.

    `on_renewed(sent_at, held, answers)` is called in the loop after each success; `sent_at` is the monotonic time
    before the call was sent, the safe start of the new lease. `stall_s`: the loop may stand still this long.
    """

    def __init__(
        self,
        address: Address,
        keys: Keys,
        script: Script,
        *,
        lease_s: float,
        every_s: float,
        on_renewed: Renewed,
    ) -> None:
        self.held: dict[str, int] = {}
        self._address = address
        self._keys = keys
        self._script = script
        self._lease_s = lease_s
        self._every_s = every_s
        self._stall_s = lease_s * 2 / 3
        self._lag_s = min(_LAG_S, lease_s / 3)
        self._beat_s = min(1.0, every_s / 2)
        self._on_renewed = on_renewed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._beat_at = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._busy = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._connection: BlockingConnection | None = None

    def took(self, claims: list[Held]) -> None:
        """Claims were taken: renew them until `dropped`."""
        for claim in claims:
            self.held[claim.id] = claim.fence
        if self._beat is None and self.held:
            self._loop = asyncio.get_running_loop()
            self._loop_thread = threading.get_ident()
            self._beat = self._loop.call_later(self._beat_s, self._on_beat)
            self._beat_at = time.monotonic()
            self._wake_thread()

    def dropped(self, claim: Held) -> None:
        """A claim ended; one that was taken again since is kept."""
        if self.held.get(claim.id) == claim.fence:
            del self.held[claim.id]

    def stop(self) -> None:
        """End the thread; claims are not renewed any more."""
        self._stopping.set()
        self._busy.set()
        if self._beat is not None:
            self._beat.cancel()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _on_beat(self) -> None:
        self._beat = None
        if self._stopping.is_set():
            return
        self._beat_at = time.monotonic()
        if not self.held:
            self._busy.clear()
            return
        assert self._loop is not None
        self._beat = self._loop.call_later(self._beat_s, self._on_beat)

    def _wake_thread(self) -> None:
        """Before the work begins: its very first step may be the one that blocks the loop."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew_for_ever, name="renew", daemon=True)
            self._thread.start()
        self._busy.set()

    def _renew_for_ever(self) -> None:
        next_renewal = time.monotonic() + self._beat_s
        reported = False
        while not self._stopping.is_set():
            if not self._busy.is_set():
                self._busy.wait()
                next_renewal = max(next_renewal, time.monotonic() + self._beat_s)
                continue  # it may have been the stop that woke us
            stalled_s = time.monotonic() - self._beat_at
            if stalled_s > self._lag_s and not reported:
                self._report_stall(stalled_s)
            reported = stalled_s > self._lag_s
            pause_s = self._beat_s
            if stalled_s < self._stall_s:
                if time.monotonic() >= next_renewal:
                    next_renewal = time.monotonic() + (self._every_s if self._renew_once() else self._beat_s)
                pause_s = max(0.001, min(self._beat_s, next_renewal - time.monotonic()))
            self._stopping.wait(pause_s)
        if self._connection is not None:
            self._connection.close()

    def _renew_once(self) -> bool:
        held = [Held(task_id, fence) for task_id, fence in list(self.held.items())]
        if not held:
            return True
        sent_at = time.monotonic()
        try:
            if self._connection is None:
                timeout_s = max(0.2, self._every_s / 2)
                self._connection = BlockingConnection(self._address, timeout_s=timeout_s, client_name="ez-renew")
            args = renew_args(round(self._lease_s * 1000), held)
            answers = call_script_blocking(self._connection, self._script, self._keys.counters(), args)
        except Exception as error:  # noqa: BLE001 - whatever it is, without this thread every claim is lost
            _log.warning("claims were not renewed: %s", error)
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return False
        if self._loop is not None and not self._stopping.is_set():
            self._loop.call_soon_threadsafe(self._on_renewed, sent_at, held, answers)
        return True

    def _report_stall(self, stalled_s: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # the one way to see another thread's stack
        stack = "".join(traceback.format_stack(frame)) if frame else "(not known)"
        _log.error("the event loop has stood still for %.1f s at:\n%s", stalled_s, stack)
