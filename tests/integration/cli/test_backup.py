"""`ez backup` and `ez restore` as a user types them, and `ez up` on the state of another version."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.integration.backup.disturbed import disturbed
from tests.integration.cli.installed import Place

from ezaigents.engine import BlockingConnection, find_living, find_orphan, open_lock, stop_orphan, take_lock
from ezaigents.home import RESTORING, home_id
from ezaigents.queue import Keys
from ezaigents.settings import load_settings


def test_a_fleet_is_backed_up_while_it_runs_and_lives_on_elsewhere(place: Place) -> None:
    """The file is named on stdout and what is left out on stderr; restored, tasks and reports are there."""
    place.up()
    assert place.ez("run", "x", ".").code == 0
    made = place.ez("backup")
    assert made.code == 0
    assert made.out.startswith(str(place.home / "backups" / "ezaigents-"))
    assert "left out, because secret: access, engine.conf, engine.password, token" in made.err
    other = {"EZ_HOME": str(place.home.parent / "other")}
    before = place.json("tasks")["tasks"]
    restored = place.ez("restore", made.out.strip(), "--json", **other)
    assert restored.code == 0, restored.err
    assert json.loads(restored.out)["tasks"] == len(before) == 4
    assert place.ez("up", "--detach", **other).code == 0
    try:
        after = json.loads(place.ez("tasks", "--json", **other).out)["tasks"]
        assert [task["id"] for task in after] == [task["id"] for task in before]
        assert place.ez("show", before[0]["run"], **other).code == 0
        assert place.ez("run", "y", ".", **other).code == 0
        assert place.ez("fsck", **other).code == 0
    finally:
        place.ez("down", **other)


def test_what_cannot_be_done_is_said_in_one_line(place: Place) -> None:
    """Nothing to back up, a name that is taken, no such file, no backup, a full folder: a code and the way out."""
    nothing = place.ez("backup")
    assert (nothing.code, nothing.out) == (2, "")
    assert "`ez up` makes one" in nothing.error
    assert place.ez("run", "x", ".").code == 0
    path = str(place.write("b.tar", ""))
    assert "there already" in place.ez("backup", path).error
    assert "no backup" in place.ez("restore", path, EZ_HOME=str(place.home.parent / "o")).error
    assert "cannot be read: No such file" in place.ez("restore", path + "x").error
    made = place.ez("backup").out.strip()
    full = place.ez("restore", made)
    assert full.code == 2
    assert "never overwrites: set EZ_HOME" in full.error


def test_the_engine_of_a_killed_restore_is_found_and_stopped(place: Place) -> None:
    """`ez doctor` names it, `ez down` stops it and then finds nothing; one of a restore at work is left alone."""
    assert place.ez("run", "x", ".").code == 0
    home = place.home.parent / "o"
    staged = load_settings({"home": str(home / RESTORING / "data")}, environ={}, cwd=place.workspace)
    disturbed("kill", "open", "data/engine.gate", 3, home, Path(place.ez("backup").out.strip()))
    try:
        pid = find_orphan(staged)
        assert pid
        lock = open_lock(home / RESTORING / "lock")
        assert take_lock(lock, 0)
        assert "nothing runs" in place.ez("down", EZ_HOME=str(home)).err
        os.close(lock)
        checks = json.loads(place.ez("doctor", "--json", EZ_HOME=str(home)).out)["checks"]
        (said,) = [check for check in checks if check["name"] == "restore"]
        assert said["verdict"] == "warn"
        assert f"process {pid}) still runs" in said["finding"]
        assert f"process {pid}) of a restore that was cut short has stopped" in place.ez("down", EZ_HOME=str(home)).err
        assert "nothing runs" in place.ez("down", EZ_HOME=str(home)).err
    finally:
        assert not stop_orphan(staged)


def _set_version(place: Place, version: str) -> None:
    settings = load_settings(environ=place.environ, cwd=place.workspace)
    engine = find_living(settings)
    assert engine is not None
    with BlockingConnection(engine.address) as connection:
        connection.call("SET", Keys(home_id(place.home)).state(), version)


def test_an_older_state_is_brought_up_after_a_backup(place: Place) -> None:
    """`ez up` on a state without a stamp says that it was backed up and migrated, and all tasks are there."""
    place.up()
    assert place.ez("run", "x", ".").code == 0
    _set_version(place, "1")
    place.ez("down")
    (place.home / "state").unlink()
    up = place.ez("up", "--detach")
    assert up.code == 0
    assert "was backed up into" in up.err
    assert "brought to version 2" in up.err
    assert len(place.json("tasks")["tasks"]) == 4
    assert len(list((place.home / "backups").glob("before-version-2-*.tar"))) == 1
    place.ez("down")
    assert "brought to" not in place.ez("up", "--detach").err


def test_a_newer_state_is_refused_by_up(place: Place) -> None:
    """Neither a folder nor an engine's state from a newer version is touched; the way out is named."""
    place.up()
    _set_version(place, "99")
    place.ez("down")
    up = place.ez("up", "--detach")
    assert up.code == 2
    assert "is of version 99, and this ezaigents knows up to 2" in up.error
    assert place.processes() == {}
    (place.home / "state").write_text("99\n")
    assert "is of version 99" in place.ez("up", "--detach").error
