"""A restore that is disturbed at one call to the system. Job: a process that kills itself, fails or loses a race there.

`python -m tests.integration.backup.disturbed ACT EVENT END NTH HOME FILE [NAMESPACE URL]`: at the NTH event of that
name whose path ends with END, kill the process, fail it as a full disk does (`end-PID`: having killed that process), or
have somebody else take the folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.backup.states import settings_of

from ezaigents.backup import restore_backup
from ezaigents.home import RESTORING


def disturbed(
    act: str, event: str, end: str, nth: int, home: Path, file: Path, *outside: str
) -> subprocess.CompletedProcess[str]:
    """Run it; `outside`: the namespace and the URL of an external engine."""
    program = [sys.executable, "-m", "tests.integration.backup.disturbed"]
    words = [act, event, end, str(nth), str(home), str(file), *outside]
    done = subprocess.run([*program, *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == (-signal.SIGKILL if act == "kill" else 1), done.stderr
    return done


def inhabit(home: Path) -> None:
    """What a fleet has in its data folder."""
    (home / "tasks" / "t").mkdir(parents=True)
    (home / "tasks" / "t" / "x").write_text("mine")
    (home / "id").write_text("ba9876543210\n")


def _main(act: str, event: str, end: str, nth: str, home: str, file: str, *outside: str) -> None:
    left = int(nth)

    def look(name: str, args: tuple[Any, ...]) -> None:
        nonlocal left
        if name != event or not left:
            return
        path = str(Path(f"/proc/self/fd/{args[0]}").readlink()) if isinstance(args[0], int) else os.fspath(args[0])
        if not path.endswith(end):
            return
        left -= 1
        if left:
            return
        if act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if act.startswith("end-"):
            os.kill(int(act[4:]), signal.SIGKILL)
        if act != "inhabit":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        shutil.rmtree(Path(home) / RESTORING, ignore_errors=True)
        inhabit(Path(home))

    sys.addaudithook(look)
    flags = dict(zip(("namespace", "redis_url"), outside, strict=False))
    restore_backup(settings_of(Path(home), **flags), Path(file))


if __name__ == "__main__":
    _main(*sys.argv[1:])
