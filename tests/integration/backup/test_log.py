"""The engine's log, held still while the engine writes and rewrites it."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path

from tests.engines import running_engine

from ezaigents.backup.enginelog import LOG_FOLDER, log_at_moment, manifest_name
from ezaigents.engine import BlockingConnection, EngineRefusal

_MANIFESTS = 5
"""Each rewrite makes two: one when it begins, one when it is done."""
_PAIR = "redis.call('INCR','a') redis.call('SET','f',string.rep('x',300)) return redis.call('INCR','b')"
_AOF = ("--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0")


def _copy(source: Path, target: Path) -> bytes:
    folder = target / LOG_FOLDER
    folder.mkdir(parents=True)
    with log_at_moment(source) as log:
        for file in log.files:
            (folder / file.name).write_bytes(os.pread(file.descriptor, file.size_bytes, 0))
        (folder / manifest_name()).write_bytes(log.manifest)
        return log.manifest


def test_the_log_of_one_moment_loads_and_holds_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Copied while pairs are written and the log is rewritten, each copy has whole pairs, and all from before it."""
    (tmp_path / "here").mkdir()
    acknowledged, end = [0], threading.Event()
    with running_engine(tmp_path / "here", extra=_AOF) as engine:

        def write() -> None:
            with BlockingConnection(engine.address) as connection:
                while not end.is_set():
                    acknowledged[0] = connection.call("EVAL", _PAIR, 0)

        writer = threading.Thread(target=write)
        writer.start()
        copies = []
        try:
            with BlockingConnection(engine.address) as connection:
                seen: list[bytes] = []
                while len(set(seen)) < _MANIFESTS:
                    with contextlib.suppress(EngineRefusal):  # one is under way
                        connection.call("BGREWRITEAOF")
                    before, folder = acknowledged[0], tmp_path / f"copy{len(seen)}"
                    seen.append(_copy(tmp_path / "here", folder))
                    if seen.count(seen[-1]) <= 2:
                        copies.append((before, folder))
                    else:
                        shutil.rmtree(folder)
        finally:
            end.set()
            writer.join()
    assert len(copies) >= _MANIFESTS
    for before, folder in copies:
        with running_engine(folder, extra=_AOF) as engine, BlockingConnection(engine.address) as connection:
            a, b = (int(connection.call("GET", name) or 0) for name in ("a", "b"))
        assert a == b
        assert a >= before


def test_an_engine_that_never_ran_has_no_log(tmp_path: Path) -> None:
    """A data folder without an engine's log gives an empty one."""
    with log_at_moment(tmp_path) as log:
        assert log.files == ()
