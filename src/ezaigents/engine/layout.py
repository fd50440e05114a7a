"""Where the engine's files lie in the data folder. Job: names, and a path short enough for a unix socket.

The engine binds `engine.sock` from within the folder, so its own path may have any length. Whoever connects names
the whole path, which the kernel limits; beyond that limit the way leads over a short link to the folder. A link, and
not `/proc/self/fd/N`, because it works on macOS, in every process, and whatever descriptors are closed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from ezaigents.errors import ConfigError

SOCKET_PATH_LIMIT_BYTES = 103
"""sun_path holds 108 bytes on Linux and 104 on macOS, a final zero included; the smaller one rules."""

_BASE_LIMIT_BYTES = 40
SOCKET = "engine.sock"
CONFIGURATION = "engine.conf"
PASSWORD = "engine.password"  # noqa: S105 - a file's name
LOG = "engine.log"
LOCK = "engine.lock"
GATE = "engine.gate"
HOSTS = "hosts"


def socket_path(home: Path) -> str:
    """Return a path by which this home's socket can be reached; makes the short link where it is needed.

    Raises ConfigError when the folder for short links belongs to somebody else.
    """
    direct = str(home / SOCKET)
    if len(os.fsencode(direct)) <= SOCKET_PATH_LIMIT_BYTES:
        return direct
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    link = _short_folder() / digest
    with contextlib.suppress(FileExistsError):
        link.symlink_to(home)
    if link.readlink() != home:
        raise ConfigError(f"{link} leads to {link.readlink()}, not to the data folder {home}; remove that link")
    return str(link / SOCKET)


def _short_folder() -> Path:
    """A folder only we can write: beneath XDG_RUNTIME_DIR, else /tmp."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = runtime and len(os.fsencode(runtime)) < _BASE_LIMIT_BYTES and Path(runtime).is_dir()
    base = Path(runtime if usable else "/tmp")  # noqa: S108 - what is made there is private, and checked to be
    folder = base / f"ez-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise ConfigError(
            f"{folder} is not a private folder of ours (mode 0700); remove it, or set EZ_HOME to a path "
            f"of at most {SOCKET_PATH_LIMIT_BYTES - len(SOCKET) - 1} bytes"
        )
    return folder
