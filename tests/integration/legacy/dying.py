"""`ez legacy` in processes that kill themselves at a chosen moment: `python -m tests.integration.legacy.dying`.

One process imports everything and forks a child for each moment, so that a hundred deaths take seconds. A moment is a
call to the old server or to the queue, counted, and when: before it, just after it was sent, or after its answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ezaigents.client import Client
from ezaigents.codec import from_json, to_json
from ezaigents.legacy import Bridge, OldServer, Rollback, bring_over, hold_moving
from ezaigents.settings import Settings

When = Literal["before", "sent", "after"]
WHENS: tuple[When, ...] = ("before", "sent", "after")


class Moment(msgspec.Struct, frozen=True):
    """`call`: the name of a script, or of a method of the queue. `number`: which such call, from 1. "" = never."""

    call: str
    number: int = 1
    when: When = "after"


class Deaths(msgspec.Struct, frozen=True, kw_only=True):
    """What dies when. `push`: entries that a producer queues before each life. `delete`: of an import."""

    verb: Literal["import", "bridge", "rollback"]
    url: str
    settings: Settings
    moments: tuple[Moment, ...]
    push: tuple[tuple[str, str], ...] = ()
    delete: bool = False


def die(deaths: Deaths) -> list[int]:
    """Live through all of it; returns how each life ended: 0 = it came to its end, -9 = it was killed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.legacy.dying"],
        input=to_json(deaths),
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[3],
        timeout=120,
    )
    codes: list[int] = json.loads(done.stdout.splitlines()[-1])
    return codes


class _Killer:
    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._count = 0

    async def around(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        mine = name == self._moment.call
        self._count += mine
        due = mine and self._count == self._moment.number
        if due and self._moment.when == "before":
            _kill()
        if due and self._moment.when == "sent":
            going = asyncio.ensure_future(call())
            for _ in range(3):
                await asyncio.sleep(0)
            _kill()
            await going
        answer = await call()
        if due:
            _kill()
        return answer


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _live(deaths: Deaths, moment: Moment) -> None:
    killer = _Killer(moment)
    server = OldServer(deaths.url, option="--from")
    async with server, Client.connect(deaths.settings) as client:
        _wrap(server, ("run",), killer)
        _wrap(client.queue, ("submit_runs", "cancel"), killer)
        for key, entry in deaths.push:
            await server.call("LPUSH", key, entry)
        if deaths.verb == "import":
            await bring_over(server, client, {}, delete=deaths.delete)
        elif deaths.verb == "rollback":
            await Rollback(server, client).go_back()
        else:
            await _bridge_until_empty(server, client)


async def _bridge_until_empty(server: OldServer, client: Client) -> None:
    """Until everything that was queued has been handed over."""
    over = asyncio.Event()

    async def watch() -> None:
        while True:
            keys = [key for key in await server.call("KEYS", "*") if _is_under_way(key)]
            if not keys:
                over.set()
            await asyncio.sleep(0.02)

    with hold_moving(client.settings.home_path):
        watching = asyncio.ensure_future(watch())
        await Bridge(server, client, {}, sweep_s=0.5).run(over)
        watching.cancel()


def _is_under_way(key: bytes) -> bool:
    queued = key.startswith(b"queue:") and key not in (b"queue:failures", b"queue:tasks")
    return queued or key.startswith(b"processing:") or key.endswith((b":taken", b":out"))


def _wrap(thing: Any, names: tuple[str, ...], killer: _Killer) -> None:
    for name in names:
        call = getattr(thing, name)

        async def killing(
            *args: Any, _call: Callable[..., Awaitable[Any]] = call, _name: str = name, **more: Any
        ) -> Any:
            return await killer.around(args[0] if _name == "run" else _name, lambda: _call(*args, **more))

        setattr(thing, name, killing)


def _main() -> None:
    deaths = from_json(sys.stdin.buffer.read(), Deaths)
    codes = []
    for moment in deaths.moments:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                asyncio.run(_live(deaths, moment))
                code = 0
            finally:
                sys.stderr.flush()
                if code:
                    import traceback

                    traceback.print_exc()
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    sys.stdout.write(json.dumps(codes) + "\n")


if __name__ == "__main__":
    _main()
