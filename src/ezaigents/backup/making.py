"""Making a backup, of a data folder that works or rests. Job: the engine's state first, then the files, into one file.

What the engine said is done before this began is in it. What is done meanwhile may be in the files and not in the
engine's state, as after a crash at that moment: such a task is tried again, and finds its journal.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path

import msgspec

from ezaigents.backup.contents import left_out, walk
from ezaigents.backup.databases import DATABASE, database_at_moment
from ezaigents.backup.enginelog import LogAtMoment, log_at_moment, manifest_name
from ezaigents.backup.manifest import FORMAT, KIND_KEYS, KIND_LOG, MANIFEST, LeftOut, Manifest
from ezaigents.backup.writing import ArchiveWriter, refuse_existing
from ezaigents.codec import to_json
from ezaigents.engine import BlockingConnection, EngineHandle, find_living
from ezaigents.errors import ConfigError, EngineDown
from ezaigents.home import RESTORING, home_id, refuse_newer, state_version
from ezaigents.settings import Settings

ENGINE_FOLDER = "engine"
_FOLDER = "backups"
_A_SECOND_MOST = 100
_QUIET_S = 3.0
"""An engine that fsyncs once a second puts off a write by two seconds at most."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was made. `engine`: log, keys, or "" where there was no state yet."""

    file: str
    size_bytes: int
    members: int
    took_s: float
    engine: str
    engine_bytes: int
    left_out: tuple[LeftOut, ...]


def make_backup(
    settings: Settings, target: Path | None = None, *, name: str = "", progress: Callable[[int], None] = lambda _: None
) -> Made:
    """Back up the data folder and the engine's state into `target`, or a new file in the folder `backups/`.

    `name`: the beginning of that file's name. `progress` is told the bytes written so far. May run beside hosts at
    work. Raises ConfigError, InputError, NoRoom, RetryLater, and what reaching an external engine raises.
    """
    home = settings.home_path
    began_s = time.monotonic()
    if not home.is_dir() or not (identity := home_id(home)):
        raise ConfigError(f"there is nothing to back up: {home} is no data folder yet; `ez up` makes one")
    if (home / RESTORING).exists():
        raise ConfigError(f"a restore into {home} was cut short; type `ez restore FILE` again before you back it up")
    version = state_version(home)
    refuse_newer(version, f"data folder {home}")
    target, *others = [target.absolute()] if target is not None else _own_targets(home, identity, name)
    if not others:
        refuse_existing(target)
    engine = _living(settings)
    manifest = Manifest(
        format=FORMAT, program=version_of("ezaigents"), state=version, made_ms=round(time.time() * 1000), id=identity,
        namespace=settings.namespace or identity, engine="", left_out=left_out(home),
        engine_version=engine.version if engine is not None else "",
    )  # fmt: skip
    passed_over: list[LeftOut] = []
    with database_at_moment(home) as database, ArchiveWriter(target, progress, others) as archive:
        if settings.redis_url:
            kind = _add_keys(archive, settings, manifest)
        else:
            kind = _add_log(archive, home, manifest, engine)
        engine_bytes = archive.written_bytes
        if database is not None:
            archive.add_file(DATABASE, database.fileno(), os.fstat(database.fileno()).st_size)
        for file in walk(home, passed_over):
            archive.add_file(file.name, file.descriptor, file.size_bytes, mtime_s=file.mtime_s)
        archive.finish()
        return Made(
            file=str(archive.target), size_bytes=archive.written_bytes, members=archive.members,
            took_s=time.monotonic() - began_s, engine=kind, engine_bytes=engine_bytes,
            left_out=(*manifest.left_out, *passed_over),
        )  # fmt: skip


def _living(settings: Settings) -> EngineHandle | None:
    """The engine at work here; None where there is none, or one that does not answer and need not be asked."""
    try:
        return find_living(settings)
    except EngineDown:
        if settings.redis_url or settings.engine_fsync != "always":
            raise
        return None  # what it acknowledged is in its log's files; only its version stays unknown


def _own_targets(home: Path, identity: str, name: str) -> list[Path]:
    """Names in the data folder, where no agent sees it: the first that is free is taken, also in one second."""
    folder = home / _FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}; name a FILE elsewhere") from error
    stem = f"{name or f'ezaigents-{identity}'}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    names = (f"{stem}.tar", *(f"{stem}-{number}.tar" for number in range(2, _A_SECOND_MOST)))
    return [folder / one for one in names]


def _add_log(archive: ArchiveWriter, home: Path, manifest: Manifest, engine: EngineHandle | None) -> str:
    if engine is not None and engine.durability != "always":
        _wait_written(engine)
    with log_at_moment(home) as log:
        kind = KIND_LOG if log.files else ""
        archive.add(MANIFEST, to_json(msgspec.structs.replace(manifest, engine=kind)))
        _add_log_files(archive, log)
    return kind


def _add_log_files(archive: ArchiveWriter, log: LogAtMoment) -> None:
    for file in log.files:
        archive.add_file(f"{ENGINE_FOLDER}/{file.name}", file.descriptor, file.size_bytes)
    if log.files:
        archive.add(f"{ENGINE_FOLDER}/{manifest_name()}", log.manifest)


def _wait_written(engine: EngineHandle) -> None:
    """Wait until what the engine has acknowledged is in its log's files."""
    until_s = time.monotonic() + _QUIET_S
    with BlockingConnection(engine.address, client_name="ez-backup") as connection:
        while time.monotonic() < until_s:
            if b"aof_buffer_length:0\r" in connection.call("INFO", "persistence"):
                return
            time.sleep(0.01)


def _add_keys(archive: ArchiveWriter, settings: Settings, manifest: Manifest) -> str:
    from ezaigents.backup.enginekeys import add_keys

    archive.add(MANIFEST, to_json(msgspec.structs.replace(manifest, engine=KIND_KEYS)))
    add_keys(archive, settings, manifest.namespace)
    return KIND_KEYS
