"""Restoring a backup into an empty data folder. Job: verify, unpack aside, have the engine read it, put it in place.

Everything happens in `.restoring/` of the data folder, on the same disk, until all of it is on the disk and the
engine has shown that it can read its part; then each entry is renamed to where it belongs. While that folder is there
nothing else uses the data folder (home.py), and a restore that is started again takes away what the last one left.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from ezaigents.backup.contents import KEPT, is_known
from ezaigents.backup.enginelog import LOG_FOLDER, is_log_name
from ezaigents.backup.errors import Damaged, NoRoom, TooNew
from ezaigents.backup.holding import hold_aside, refuse_in_use
from ezaigents.backup.making import ENGINE_FOLDER
from ezaigents.backup.manifest import KIND_KEYS, KIND_LOG
from ezaigents.backup.namespace import NamespaceClaim
from ezaigents.backup.placing import put_in_place
from ezaigents.backup.reading import Archive
from ezaigents.backup.settling import KEYS_FOLDER, bring_to_life
from ezaigents.engine import EngineRefusal
from ezaigents.errors import ConfigError
from ezaigents.home import RESTORED, STATE_VERSION, home_id
from ezaigents.settings import Settings
from ezaigents.workspace import sync_folder

_ID = re.compile(r"[0-9a-f]{12}")
_ODD_CONTENT = ("ERR", "WRONGTYPE")
_SPARE_BYTES = 16 * 1024 * 1024


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored. `released`: tasks that were at work when they were backed up, and are ready again."""

    home: str
    files: int
    size_bytes: int
    took_s: float
    made_ms: int
    tasks: int
    released: int
    notes: tuple[str, ...] = ()


def restore_backup(
    settings: Settings, path: Path, *, progress: Callable[[str, int], None] = lambda *_: None
) -> Restored:
    """Restore `path` into the data folder, which must be empty or not there. `progress`: (what, bytes done).

    Raises NotABackup, Damaged, TooNew for the file; ConfigError for a target that is in use or holds anything;
    NoRoom; and what starting the engine raises. Whatever it raises, the data folder is as it was, and the namespace of
    an external engine is empty; where that cannot be reached, `.restoring` stays, and nothing starts there.
    """
    began_s = time.monotonic()
    with Archive(path) as archive:
        refuse_unfit(archive, settings)
        members = archive.verify(_belongs, lambda done: progress("verified", done))
        with hold_aside(settings) as staged:
            _refuse_little_room(staged, archive.size_bytes)
            _unpack(archive, staged, lambda done: progress("restored", done))
            if home_id(staged) != archive.manifest.id:
                raise Damaged(path, "its id is not the one it says it has")
            os.sync()
            with NamespaceClaim(settings, archive.manifest, staged.parent) as claim:
                with _understood(path):
                    settled = bring_to_life(settings, staged, archive.manifest, claim.id)
                _finish(settings.home_path, staged, claim)
        return Restored(
            home=settings.home, files=members, size_bytes=archive.size_bytes, took_s=time.monotonic() - began_s,
            made_ms=archive.manifest.made_ms, tasks=settled.tasks, released=settled.released, notes=settled.notes,
        )  # fmt: skip


def refuse_unfit(archive: Archive, settings: Settings) -> None:
    """Raise TooNew or ConfigError for a backup that cannot become the state of these settings."""
    manifest = archive.manifest
    if manifest.state > STATE_VERSION:
        raise TooNew(f"{archive.path}: the state in this backup", manifest.state, STATE_VERSION, manifest.program)
    if manifest.engine not in ("", KIND_LOG, KIND_KEYS):
        raise Damaged(archive.path, f"it holds an engine's state of an unknown kind, {manifest.engine[:20]!r}")
    if not _ID.fullmatch(manifest.id):
        raise Damaged(archive.path, f"its id {manifest.id[:20]!r} is none")
    namespace = settings.namespace or manifest.id
    if manifest.engine == KIND_LOG and not settings.redis_url and namespace != manifest.namespace:
        raise ConfigError(
            f"the tasks of this backup lie in the namespace {manifest.namespace!r}, and yours is {namespace!r}: "
            f"set EZ_NAMESPACE={manifest.namespace}"
        )


def _belongs(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return is_known(name) or (folder == ENGINE_FOLDER and (is_log_name(rest) or _is_keys_name(rest)))


def _is_keys_name(name: str) -> bool:
    return name.startswith("keys.") and name[5:].isdigit()


@contextlib.contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Digests are no signature: what the engine's part of a file holds may be anything, and is damage if it is odd."""
    try:
        yield
    except (msgspec.MsgspecError, TypeError, LookupError, ValueError, RecursionError) as error:
        raise Damaged(path, f"what it holds of the engine's state makes no sense ({error})") from error
    except EngineRefusal as error:
        if error.code not in _ODD_CONTENT:
            raise
        raise Damaged(path, f"the engine refuses what it holds ({error})") from error


def _refuse_little_room(folder: Path, needed_bytes: int) -> None:
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize
    if free < needed_bytes + _SPARE_BYTES:
        raise NoRoom(folder.parents[1], f"{needed_bytes / 1e6:,.1f} MB are needed and {free / 1e6:,.1f} MB are free")


def _unpack(archive: Archive, staged: Path, progress: Callable[[int], None]) -> None:
    """Write every member beneath `staged`, each verified once more while it is written."""
    for place in archive.places():
        folder, _, rest = place.member.name.partition("/")
        if folder == ENGINE_FOLDER:
            path = staged / (LOG_FOLDER if is_log_name(rest) else KEYS_FOLDER) / rest
        elif folder in KEPT:
            path = staged / place.member.name
        else:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for piece in archive.pieces(place):
                    file.write(piece)
            os.utime(path, (place.member.mtime_s, place.member.mtime_s))
        except OSError as error:
            raise NoRoom(staged.parents[1], error.strerror or str(error)) from error
        progress(place.at)


def _finish(home: Path, staged: Path, claim: NamespaceClaim) -> None:
    """Move every entry to where it belongs. From the first to the last of it `.restoring` says so."""
    refuse_in_use(home)
    put_in_place(home, staged)
    claim.open()
    # With this one rename the state is whole; what is left in the folder is only to be thrown away.
    done = home / RESTORED
    staged.parent.rename(done)
    sync_folder(home)
    shutil.rmtree(done, ignore_errors=True)
