"""Keys as files of the user's own folder. Job: read, write and forget them, safely. Not its job: using them (keys).

`keys/PROVIDER`, one key a line; the file is for its owner alone (0600), its folder too (0700). A file that somebody
else could have read or made is not used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ezaigents.errors import ConfigError, InputError
from ezaigents.workspace import write_whole

KEYS_MOST = 64
_KEY_MOST_CHARS = 4096
_FILE_MOST_BYTES = KEYS_MOST * (_KEY_MOST_CHARS + 1)

Stamp = tuple[int, int, int, int]
"""Size, time of change, inode and mode: another stamp, another content."""


class KeyFile(msgspec.Struct, frozen=True):
    """What a file holds. `problem`: why none of it is used, "" = nothing is wrong."""

    stamp: Stamp | None
    keys: tuple[str, ...] = ()
    problem: str = ""

    def __repr__(self) -> str:
        return f"<KeyFile of {len(self.keys)} keys>"


def stamp_of(path: Path) -> Stamp | None:
    """What shows that a file changed; None = there is none. One call of the system."""
    try:
        facts = path.lstat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns, facts.st_ino, facts.st_mode


def read_keys(path: Path) -> KeyFile:
    """Read a file of keys; blank lines and those that begin with `#` are left out. Raises nothing."""
    stamp = stamp_of(path)
    if stamp is None:
        return KeyFile(None)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "is a link" if path.is_symlink() else f"cannot be read: {error.strerror}"
        return KeyFile(stamp, problem=f"{path} {why}; set the key anew with `ez keys set {path.name}`")
    try:
        problem = _unsafe(path, os.fstat(descriptor))
        data = b"" if problem else os.read(descriptor, _FILE_MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    return KeyFile(stamp, problem=problem) if problem else _parsed(path, stamp, data)


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Replace the keys in a file, whole or not at all. Raises InputError, ConfigError naming the file."""
    lines = [checked_key(key) for key in keys]
    if not 0 < len(lines) <= KEYS_MOST:
        raise InputError("key", f"takes 1 to {KEYS_MOST} keys, one a line, not {len(lines)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        write_whole(path, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; the keys are as they were") from error


def forget_keys(path: Path) -> bool:
    """Remove a file of keys; False when there is none. Raises ConfigError naming the file."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{path} cannot be removed: {error.strerror}") from error
    return True


def checked_key(key: str) -> str:
    """Return the key without blanks around it. Raises InputError, which never shows it."""
    text = key.strip()
    if not text or len(text) > _KEY_MOST_CHARS or not is_key(text):
        raise InputError(
            "key", f"takes 1 to {_KEY_MOST_CHARS} letters, digits and signs without blanks; it was left as it was"
        )
    return text


def is_key(text: str) -> bool:
    """Whether a header could carry it as it is."""
    return text.isascii() and text.isprintable() and " " not in text and "," not in text


def _unsafe(path: Path, facts: os.stat_result) -> str:
    if not stat.S_ISREG(facts.st_mode):
        return f"{path} is no file; remove it, and set the key with `ez keys set {path.name}`"
    if facts.st_uid != os.geteuid():
        return f"{path} belongs to another user (id {facts.st_uid}); remove it, and set the key anew"
    if facts.st_mode & 0o077:
        return f"{path} is open to others, so its keys are not used; if they are still secret: chmod 600 {path}"
    return ""


def _parsed(path: Path, stamp: Stamp, data: bytes) -> KeyFile:
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(data) > _FILE_MOST_BYTES or len(keys) > KEYS_MOST or not all(map(is_key, keys)):
        return KeyFile(stamp, problem=f"{path} holds what is no key; set it anew with `ez keys set {path.name}`")
    return KeyFile(stamp, tuple(keys))
