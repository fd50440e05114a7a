"""The process in which files are analysed: `python -m ezaigents.agents.local.child`.

Job: answer requests on standard input until it ends. Not its job: deciding what to ask (analyst).
Heavy libraries are imported here, so that their weight leaves with the process.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from ezaigents.agents.local.measure import look_at, measure_file
from ezaigents.agents.local.protocol import (
    FRAME_MAX_BYTES,
    HEADER_BYTES,
    Lint,
    Linted,
    Look,
    Measure,
    Measured,
    Reply,
    Request,
    framed,
    request_decoder,
)
from ezaigents.codec import restored
from ezaigents.workspace import read_whole, read_windows

ADDRESS_SPACE_BYTES = 1024 * 1024 * 1024
"""Several times what a file of 1 MB needs; a runaway gets MemoryError instead of the machine's memory."""
PROCESSOR_LIMIT_S = 60
"""Per request. The last guard: it holds even when the host is gone and nobody waits for an answer."""


def main() -> None:
    """Serve requests until standard input ends."""
    _set_limits()
    # Whatever a library prints must not end up between our frames.
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    requests = os.fdopen(0, "rb", closefd=False)
    while (body := _read_frame(requests)) is not None:
        _allow_processor_time()
        reply = framed(_answer(request_decoder.decode(body)))
        try:
            while reply:
                reply = reply[replies.write(reply) :]
        except BrokenPipeError:
            return


def _answer(request: Request) -> Reply:
    if isinstance(request, Measure):
        return Measured(
            report=measure_file(
                restored(request.root),
                restored(request.path),
                request.limit_bytes,
                hidden=_folder(request.hidden),
                read=read_whole if request.whole else read_windows,
            )
        )
    if isinstance(request, Look):
        return look_at(
            restored(request.root),
            restored(request.path),
            request.limit_bytes,
            hidden=_folder(request.hidden),
        )
    if isinstance(request, Lint):
        from ezaigents.agents.local.lint import find_ruff, lint_files

        try:
            return lint_files(restored(request.root), request.paths, find_ruff(sys.prefix, os.environ.get("PATH", "")))
        except OSError as error:
            return Linted(files=(), note=f"lint findings are missing: ruff did not start ({error.strerror})")
    from ezaigents.agents.local.summary import summarize

    return summarize(request)


def _folder(name: str) -> Path | None:
    return Path(restored(name)) if name else None


def _read_frame(requests: BinaryIO) -> bytes | None:
    header = requests.read(HEADER_BYTES)
    length = int.from_bytes(header, "big")
    if len(header) < HEADER_BYTES or length > FRAME_MAX_BYTES:
        return None
    body = requests.read(length)
    return body if len(body) == length else None


def _set_limits() -> None:
    # Ctrl-C is the host's to handle; it ends us by closing our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, ADDRESS_SPACE_BYTES)


def _allow_processor_time() -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + PROCESSOR_LIMIT_S)


def _limit(which: int, soft: int) -> None:
    _, hard = resource.getrlimit(which)
    try:
        resource.setrlimit(which, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (OSError, ValueError):
        # macOS refuses some of these; the host's own time limit still holds.
        sys.stderr.write(f"limit {which} could not be set\n")


if __name__ == "__main__":
    main()
