"""Ctrl-C in a waiting command. Job: the first one is a question, the second leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from types import FrameType
from typing import Self

from ezaigents.cli.talk import INTERRUPTED, say

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """`with Interrupts() as interrupts` inside a running loop; `came` is set by the first signal."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.by = signal.SIGINT

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._first, number)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if not self.came.is_set():
            for number in _SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(number)

    def _first(self, number: signal.Signals) -> None:
        self.by = number
        for each in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(each)
            signal.signal(each, _leave_at_once)
        self.came.set()


def ask_whether_to_keep(run_id: str) -> bool:
    """Ask on the terminal; no terminal, no answer, or anything but c means keep."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    sys.stderr.write(f"Interrupted. [K]eep the tasks of run {run_id} going or [c]ancel them? ")
    sys.stderr.flush()
    return not sys.stdin.readline().strip().lower().startswith("c")


def _leave_at_once(_number: int, _frame: FrameType | None) -> None:
    """Leave without a word to anybody; a fleet that was started for this job notices, and stops by itself."""
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
    say()
    say("ez: interrupted twice: left at once; nothing is lost")
    os._exit(INTERRUPTED)
