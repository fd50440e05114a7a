"""The data folder. Job: make it, name it, say where things lie in it. Not its job: what is written there.

It belongs to one user (mode 0700) and is never visible to an agent's tools.
"""

from __future__ import annotations

import os
from pathlib import Path

from ezaigents.errors import ConfigError

STATE_VERSION = 2
"""Version of what this program keeps in a data folder and in the engine. 1: from before there was a stamp; 2: with it.

Whoever raises it adds the way there to `backup/migrating.py`."""
STATE_FILE = "state"
RESTORING = ".restoring"
"""A folder that is there while a restore is at work, or was cut short."""
RESTORED = ".restored"
"""What is left of that folder when all is in its place, for the moment until it is removed."""


def open_home(home: Path) -> str:
    """Make the data folder where it is missing, and return its id: 12 hex characters, made once.

    Raises ConfigError naming the folder when it cannot be made, is not ours, cannot be written, is of a newer
    version, or was not restored to its end.
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
        _refuse_half_restored(home)
        _clear_restored(home)
        identity = home_id(home)
        if not identity:
            stamp_state(home)
            return _make_id(home)
        refuse_newer(state_version(home), f"data folder {home}")
        return identity
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


def state_version(home: Path) -> int:
    """The version of what lies in a data folder. Raises ConfigError where its stamp is damaged."""
    try:
        text = (home / STATE_FILE).read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return 1
    if not text.isdigit() or len(text) > 9:
        raise ConfigError(f"{home / STATE_FILE} should hold a whole number, such as {STATE_VERSION}, and does not")
    return int(text)


def stamp_state(home: Path, version: int = STATE_VERSION) -> None:
    """Say in a data folder of which version it is: whole or not at all, and on the disk."""
    draft = home / f".{STATE_FILE}.{os.getpid()}.part"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{version}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(home / STATE_FILE)


def refuse_newer(version: int, what: str) -> None:
    """Raise ConfigError where `what` is of a version that this program does not know."""
    if version > STATE_VERSION:
        raise ConfigError(
            f"{what} is of version {version}, and this ezaigents knows up to {STATE_VERSION}: install the newer "
            "ezaigents again, or restore the backup from before the upgrade into an empty folder (EZ_HOME)"
        )


def _refuse_half_restored(home: Path) -> None:
    if (home / RESTORING).exists():
        raise ConfigError(
            f"a restore into {home} is at work or was cut short; type `ez restore FILE` again, "
            "which begins from the start"
        )


def _clear_restored(home: Path) -> None:
    """Remove what a restore killed at its very end had no time for: what it unpacked for the engine, and a password."""
    if (home / RESTORED).exists():
        import shutil

        shutil.rmtree(home / RESTORED, ignore_errors=True)


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
