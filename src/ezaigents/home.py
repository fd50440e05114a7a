"""The data folder. Job: make it, name it, say where things lie in it. Not its job: what is written there.

It belongs to one user (mode 0700) and is never visible to an agent's tools.
"""

from __future__ import annotations

import os
from pathlib import Path

from ezaigents.errors import ConfigError


def open_home(home: Path) -> str:
    """Make the data folder where it is missing, and return its id: 12 hex characters, made once.

    Raises ConfigError naming the folder when it cannot be made, is not ours, or cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        facts = home.stat()
        if facts.st_uid != os.geteuid():
            raise ConfigError(
                f"data folder {home} belongs to another user (id {facts.st_uid}); set EZ_HOME to one of yours"
            )
        if facts.st_mode & 0o077:
            home.chmod(0o700)
        return home_id(home) or _make_id(home)
    except OSError as error:
        raise ConfigError(
            f"data folder {home} cannot be used: {error.strerror}; mend it or set EZ_HOME to another folder"
        ) from error


def home_id(home: Path) -> str:
    """The id of an existing data folder; "" when it has none yet."""
    try:
        return (home / "id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _make_id(home: Path) -> str:
    """Write a new id, whole or not at all; where another process was first, its id counts."""
    made = home / f".id.{os.getpid()}"
    made.write_text(os.urandom(6).hex() + "\n", encoding="ascii")
    try:
        os.link(made, home / "id")
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return home_id(home)
