"""Running a piece of Python as a user who may not read everything, as tests often run as root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOBODY = 65534
# Imports come first: the interpreter itself may lie where the other user cannot go.
_DROP = """
import os, sys, ctypes, fcntl, encodings.latin_1, encodings.idna
from ezaigents.workspace import *
from ezaigents.agents.local.measure import measure_file
path = sys.argv[1]
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
"""


def run_dropped(script: str, path: Path) -> str:
    """Run `script` as another user than root, with its variable `path`; return what it printed."""
    setup = _DROP.format(nobody=NOBODY)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", setup + script, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
