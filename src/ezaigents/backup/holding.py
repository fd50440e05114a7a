"""The data folder while a restore is at work in it. Job: is it free, one restore at a time, what is left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ezaigents.backup.aside import LOCK, STAGED, staged_settings
from ezaigents.backup.errors import NoRoom
from ezaigents.backup.namespace import is_claimed
from ezaigents.backup.placing import placed, remove, take_back
from ezaigents.backup.writing import NO_ROOM
from ezaigents.engine import open_lock, stop_orphan, take_lock
from ezaigents.errors import ConfigError, RetryLater
from ezaigents.home import RESTORED, RESTORING
from ezaigents.settings import Settings


@contextlib.contextmanager
def hold_aside(settings: Settings) -> Iterator[Path]:
    """The folder to unpack into; whatever ends this, nothing is left in the data folder but what was put in place."""
    home = settings.home_path
    made = not home.exists()
    restoring = home / RESTORING
    with _translated(home):
        refuse_in_use(home)
        lock = _locked(home)
    try:
        with _translated(home):
            _refuse_now_in_use(home)
        try:
            with _translated(home):
                _clear_up(settings)
                staged = restoring / STAGED
                staged.mkdir(mode=0o700)
                yield staged
        except BaseException:
            _clear_up(settings)
            if not is_claimed(restoring):
                shutil.rmtree(restoring, ignore_errors=True)
            if made:
                with contextlib.suppress(OSError):
                    home.rmdir()
            raise
    finally:
        os.close(lock)


def refuse_in_use(home: Path) -> None:
    """Raise ConfigError where there is anything that a restore would mix with."""
    if not home.exists():
        return
    if not home.is_dir():
        raise ConfigError(f"{home} is no folder; set EZ_HOME to one that is empty or not there")
    ours = {RESTORING, RESTORED, *placed(home, home / RESTORING)}
    names = sorted(path.name for path in home.iterdir() if path.name not in ours and not _is_of_a_disk(path))
    if names:
        raise ConfigError(
            f"{home} is not empty ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}), and a restore never "
            "overwrites: set EZ_HOME to a new folder, or stop the fleet with `ez down` and move this one away"
        )


@contextlib.contextmanager
def _translated(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise NoRoom(home, error.strerror or "no room") from error
        raise ConfigError(f"data folder {home} cannot be used: {error.strerror}; set EZ_HOME to another") from error


def _locked(home: Path) -> int:
    """The lock of the one restore that may be at work here, taken. Raises RetryLater."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
    (home / RESTORING).mkdir(mode=0o700, exist_ok=True)
    path = home / RESTORING / LOCK
    lock = open_lock(path)
    try:
        if not take_lock(lock, 0):
            raise RetryLater(f"another restore into {home} is at work; wait for it")
        if not path.exists() or path.stat().st_ino != os.fstat(lock).st_ino:
            raise RetryLater(f"another restore into {home} has just come to its end; look at what it left there")
    except BaseException:
        os.close(lock)
        raise
    return lock


def _refuse_now_in_use(home: Path) -> None:
    """Look once more, now that no other restore can begin: what was empty may be a living data folder by now."""
    try:
        refuse_in_use(home)
    except ConfigError:
        restoring = home / RESTORING
        if [path.name for path in restoring.iterdir()] == [LOCK]:
            shutil.rmtree(restoring)  # it is ours, and nobody could use the folder while it is there
        raise


def _is_of_a_disk(path: Path) -> bool:
    """Say whether this is what a new disk has at its top, and nothing was ever found again for it."""
    try:
        return path.name == "lost+found" and not path.is_symlink() and path.is_dir() and not any(path.iterdir())
    except PermissionError:
        return True  # the system's, and none of ours could have been put into it


def _clear_up(settings: Settings) -> None:
    """Take away what a restore that was cut short has left: its engine, what it had put in place, what lay aside."""
    home, restoring = settings.home_path, settings.home_path / RESTORING
    staged = restoring / STAGED
    if staged.exists():
        stop_orphan(staged_settings(settings, staged))
    take_back(home, restoring)
    remove(staged)
    remove(home / RESTORED)
