"""A unix socket that passes everything on, later: a network between the engine and everyone; a process of its own.

`python -m bench.delay_proxy LISTEN TARGET DELAY_MS`: each piece arrives DELAY_MS after it was read, in each direction,
in order. Prints `ready` on stdout. Waits by select, whose time-out is exact to microseconds; epoll's is rounded up to
whole milliseconds, which would double the delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path


@contextlib.contextmanager
def delayed(target: Path, delay_ms: float) -> Iterator[Path]:
    """Run a proxy in front of the socket `target`; yields the path of its socket."""
    listen = target.with_name("delayed.sock")
    command = [sys.executable, "-m", "bench.delay_proxy", str(listen), str(target), str(delay_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("the delaying proxy did not start")
            yield listen
        finally:
            process.terminate()


async def _pass_on(delay_s: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(65536):
        loop.call_later(delay_s, writer.write, data)
    loop.call_later(delay_s, writer.close)


async def _serve(target: str, delay_s: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    far_reader, far_writer = await asyncio.open_unix_connection(target)
    await asyncio.gather(
        _pass_on(delay_s, reader, far_writer), _pass_on(delay_s, far_reader, writer), return_exceptions=True
    )


async def _main(listen: str, target: str, delay_s: float) -> None:
    server = await asyncio.start_unix_server(partial(_serve, target, delay_s), listen)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(_main(sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000))
