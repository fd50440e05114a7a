"""`ez fsck`: with and without a fleet, and never beneath one that works."""

from __future__ import annotations

import json

from tests.integration.cli.installed import Place

from ezaigents.engine import BlockingConnection, find_living
from ezaigents.home import home_id
from ezaigents.queue import Keys
from ezaigents.settings import load_settings


def _break_an_index(place: Place) -> None:
    """Take a done task out of the index of ended ones, behind everybody's back."""
    settings = load_settings(environ=place.environ, cwd=place.workspace)
    engine = find_living(settings)
    assert engine is not None
    with BlockingConnection(engine.address) as connection:
        connection.call("ZPOPMIN", Keys(home_id(place.home)).ended())


def test_a_sound_queue_is_sound(place: Place) -> None:
    """After work everything agrees: beneath a living fleet, and without one, when the engine is started for it."""
    place.up()
    assert place.ez("run", "x", ".").code == 0
    living = place.json("fsck")
    assert living["ok"] is True
    assert living["tasks"] == 4
    place.ez("down")
    alone = place.ez("fsck")
    assert alone.code == 0
    assert "4 tasks, everything agrees" in alone.out
    assert "started it for the check" in alone.err
    assert place.processes() == {}


def test_damage_is_named_and_mended(place: Place) -> None:
    """A broken index makes exit code 1 and is named; `--repair` says what it changed, and then all is sound."""
    place.up()
    assert place.ez("run", "x", ".").code == 0
    _break_an_index(place)
    broken = place.ez("fsck", "--json")
    assert broken.code == 1
    found = {invariant["name"]: invariant for invariant in json.loads(broken.out)["invariants"]}
    assert found["ended"]["found"] == 1
    place.ez("down")
    repaired = place.json("fsck", "--repair")
    assert repaired["ok"] is True
    assert repaired["changes"]
    assert place.ez("fsck").code == 0


def test_repair_is_refused_beneath_a_living_host(place: Place) -> None:
    """Repairing needs quiet: a living host is named, with what to type first."""
    place.up("--name", "busy")
    done = place.ez("fsck", "--repair")
    assert done.code == 2
    assert "busy" in done.error
    assert "`ez down`" in done.error


def test_nothing_to_check(place: Place) -> None:
    """A data folder that was never made is said to be missing, and is not made."""
    done = place.ez("fsck")
    assert done.code == 2
    assert str(place.home) in done.error
    assert not place.home.exists()
