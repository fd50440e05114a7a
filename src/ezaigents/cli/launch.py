"""Starting the host's process. Job: the command, and becoming it. Not its job: being it, starting it aside (started).

The host is a program of its own (`ezaigents.cli.host`), so that the parser and all that draws stay out of its memory.
"""

from __future__ import annotations

import os
import sys

from ezaigents.cli.processes import process_started_at

LOG_MAX_BYTES = 1024 * 1024
READY_WITHIN_S = 150.0
"""An engine may load a large file for two minutes."""


def host_command(**words: object) -> list[str]:
    """The command that runs a host; `words` that are None are left out; `since` is our own start where not given.

    -P: nothing is imported from where we stand.
    """
    words.setdefault("since", f"{process_started_at():.3f}")
    given = [f"{key}={value}" for key, value in words.items() if value is not None]
    return [sys.executable, "-P", "-m", "ezaigents.cli.host", *given]


def become_host(**words: object) -> None:
    """Replace this process by the host; `words` as `host_command` takes them."""
    command = host_command(**words)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, no shell
