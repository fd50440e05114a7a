"""`ez monitor`: in a pipe, on a terminal, as JSON and as metrics; its alarms; and a fleet that goes away under it."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.integration.cli.installed import Place, Terminal, read_until

_QUICK = ("--interval", "0.5")


def _once(place: Place, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(place.ez("monitor", *_QUICK, "--once", "--json", *more).out)
    return found


def test_one_look_tells_the_fleet(shared: Place) -> None:
    """`--once` compares two looks: shares and rates are known; whoever looks is told, and left out of the sums."""
    told = _once(shared)
    status = shared.json("status")
    by_role = {one["role"]: one for one in told["processes"]}
    assert by_role["host"]["pid"] == status["host"]["pid"]
    assert by_role["engine"]["pid"] == shared.engine_pid()
    assert {"host", "engine", "monitor"} <= set(by_role)
    assert told["total"]["rss_bytes"] == by_role["host"]["rss_bytes"] + by_role["engine"]["rss_bytes"]
    assert (told["total"]["cpu_share"] is None, told["interval_s"] >= 0.5) == (False, True)
    assert told["queue"] == status["queue"]
    assert (told["alarms"], told["unseen"]) == ([], [])


def test_a_pipe_gets_blocks_of_plain_text(shared: Place) -> None:
    """Each look is a block of tables, and nothing of it is meant for a terminal."""
    watching = shared.begin("monitor", *_QUICK)
    try:
        found = read_until(watching.stdout, r"(?s)UTC\n.*processes\n.*host +main.*UTC, over 0\.\d s\n.*agents\n")
        assert "\x1b" not in found[0]
    finally:
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=60)
    assert (watching.returncode, err) == (130, b"ez: interrupted\n")


def test_a_terminal_is_drawn_over(shared: Place) -> None:
    """The tables stand on a screen of their own, which is left as it was found."""
    terminal = Terminal(shared, "monitor", *_QUICK)
    terminal.wait_for("over 0.5 s")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "\x1b[?1049h" in terminal.screen
    assert terminal.screen.rindex("\x1b[?1049l") > terminal.screen.rindex("processes")
    assert terminal.screen.rstrip().endswith("ez: interrupted")


def test_json_is_a_line_a_look(shared: Place) -> None:
    """A program reads each as it comes; a reader that has had enough ends it without a word."""
    watching = shared.begin("monitor", *_QUICK, "--json")
    assert watching.stdout is not None
    looks = [json.loads(watching.stdout.readline()) for _ in range(2)]
    watching.stdout.close()
    assert watching.wait(timeout=60) == 0
    assert [look["interval_s"] > 0 for look in looks] == [False, True]
    assert watching.stderr is not None
    with watching.stderr as stderr:
        assert stderr.read() == b""


def test_metrics_are_printed_once(shared: Place) -> None:
    """What `/metrics` tells, but for the process that answers: a parser that is not ours takes them."""
    done = shared.ez("monitor", "--prometheus")
    assert (done.code, done.err) == (0, "")
    families = {family.name: family for family in text_string_to_metric_families(done.out)}  # type: ignore[no-untyped-call]
    assert {"ez_tasks", "ez_engine_keys", "ez_process_resident_memory_bytes", "ez_spent_usd"} <= set(families)
    assert not [name for name in families if name.startswith("process_")]


def test_an_alarm_is_told_and_is_the_exit_code_of_one_look(shared: Place) -> None:
    """In words, and as 1 for scripts; without one it is 0."""
    done = shared.ez("monitor", *_QUICK, "--once", "--alarm", "rss=1MB", "--alarm", "cpu=off")
    assert done.code == 1
    assert "alarm: rss: resident memory of the fleet: " in done.out
    assert done.out.rstrip().endswith(", above 1.0 MB")
    (alarm,) = json.loads(shared.ez("monitor", *_QUICK, "--once", "--json", "--alarm", "rss=1MB").out)["alarms"]
    assert (alarm["alarm"], alarm["limit"], alarm["value"] > 10**6) == ("rss", 2**20, True)
    assert shared.ez("monitor", *_QUICK, "--once", "--alarm", "rss=100GB").code == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--alarm", "rsss=1MB"), "no alarm 'rsss'; did you mean 'rss'?"),
        (("--alarm", "rss=plenty"), "rss takes a limit such as rss=200MB, or off; not 'plenty'"),
        (("--interval", "0"), "takes a number from 0.5 to 3600, not '0'"),
        (("--interval", "often"), "takes a number"),
        (("--prometheus", "--once"), "leave --once, --json and --alarm away"),
    ],
)
def test_what_cannot_be_is_a_usage_error(shared: Place, options: tuple[str, ...], says: str) -> None:
    """In one line, before anything is looked at."""
    done = shared.ez("monitor", *options)
    assert (done.code, done.out) == (2, "")
    assert says in done.error


def test_where_no_fleet_runs_it_says_so(place: Place) -> None:
    """In every form, with 3 and with what to type; also where only an engine was left behind."""
    for options in ((), ("--once",), ("--json",), ("--prometheus",)):
        done = place.ez("monitor", *options)
        assert (done.code, done.out) == (3, "")
        assert "`ez up`" in done.error
    place.kill(place.up())
    done = place.ez("monitor", "--once")
    assert (done.code, "no host" in done.error or "`ez up`" in done.error) == (3, True)


def test_a_fleet_that_ends_is_told_and_an_engine_that_dies_is_waited_for(place: Place) -> None:
    """An engine that died is started again, and one that hangs may go on: so does looking, until the fleet ends."""
    place.up()
    watching = place.begin("monitor", *_QUICK, "--json")
    try:
        read_until(watching.stdout, r"\n.*\n")
        before = place.engine_pid()
        os.kill(before, signal.SIGKILL)
        read_until(watching.stdout, rf'"pid":(?!{before}\b)\d+,"role":"engine"')
        frozen = place.engine_pid()
        os.kill(frozen, signal.SIGSTOP)
        read_until(watching.stderr, "ez: the engine does not answer; looking again\n")
        os.kill(frozen, signal.SIGCONT)
        read_until(watching.stdout, r"\n.*\n")
        assert place.ez("down").code == 0
        _, err = watching.communicate(timeout=60)
    finally:
        watching.kill()
        watching.wait()
    assert watching.returncode == 3
    last = err.decode().splitlines()[-1]
    assert last.startswith("ez: ")
    assert "`ez up` starts" in last
