"""Makes events at a steady rate; a process: `python -m bench.event_source HOME COUNT PER_S`.

Each event is the end of one task, of which this process claims a hundred at a time. Prints `ready`, and at the end one
JSON object: task id -> the monotonic time, in seconds, just before its end was told to the engine.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from bench.queue_rates import run_record, specs
from ezaigents.client import Client
from ezaigents.clock import SystemClock
from ezaigents.ids import IdMaker
from ezaigents.queue import Held
from ezaigents.records import Result
from ezaigents.settings import load_settings

_AGENT = "bench"
_LEASE_MS = 600_000
_AT_ONCE = 100
_DONE = Result(summary="ok")


async def _main(home: str, count: int, per_s: float) -> None:
    settings = load_settings({"home": home}, environ={}, cwd=Path.cwd())
    async with Client.connect(settings, need_host=False) as client:
        run = run_record(settings)
        await client.queue.submit(specs(settings, run.id, count, agent=_AGENT), run=run)
        make_id, wants = IdMaker(SystemClock()), [(f"{_AGENT}@{run.place}", _AT_ONCE)]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        sent, began_s = dict[str, float](), time.monotonic()
        async with asyncio.TaskGroup() as group:
            while claims := await client.queue.claim(make_id(), "bench", _LEASE_MS, wants):
                for claim in claims:
                    wait_s = began_s + len(sent) / per_s - time.monotonic()
                    if wait_s > 0:
                        await asyncio.sleep(wait_s)
                    sent[claim.id] = time.monotonic()
                    group.create_task(client.queue.finish([(Held(claim.id, claim.fence), _DONE)]))
    sys.stdout.write(json.dumps(sent) + "\n")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
