"""Where a regular expression is in a list of files; a program of its own, for machines without ripgrep.

Job: say path, line and offset as ripgrep would; be killed when a pattern takes for ever. Not its job: choosing files.
Run by its path in isolated mode, so that it imports nothing but the standard library. Standard input: the pattern, then
the paths, each followed by NUL; argument: the most hits in one file.
"""

from __future__ import annotations

import os
import re
import resource
import stat
import sys

_LINE_MOST_BYTES = 64 * 1024
_LOOKED_AT_BYTES = 8 * 1024
_FILE_MOST_BYTES = 64 * 1024 * 1024
_MEMORY_MOST_BYTES = 512 * 1024 * 1024


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MOST_BYTES, _MEMORY_MOST_BYTES))
    pattern, *paths = sys.stdin.buffer.read().split(b"\0")[:-1]
    try:
        wanted = re.compile(pattern.decode("utf-8"))
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        sys.stderr.write(f"the pattern is wrong: {error}\n")
        return 2
    for path in paths:
        try:
            _look(path, wanted, int(sys.argv[1]))
        except OSError:
            continue  # gone, or not ours to read
    return 0


def _look(path: bytes, wanted: re.Pattern[str], most: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > _FILE_MOST_BYTES:
            return
        if b"\0" in file.read(_LOOKED_AT_BYTES):
            return
        file.seek(0)
        offset, found = 0, 0
        for number, line in enumerate(file, 1):
            if wanted.search(line[:_LINE_MOST_BYTES].rstrip(b"\r\n").decode("utf-8", "surrogateescape")):
                sys.stdout.buffer.write(b"%b\0%d:%d:\n" % (path, number, offset))
                found += 1
                if found >= most:
                    return
            offset += len(line)


if __name__ == "__main__":
    sys.exit(main())
