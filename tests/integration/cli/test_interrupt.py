"""Ctrl-C in `ez run`: asked once, and nothing is lost whatever the answer."""

from __future__ import annotations

import signal

import pytest
from tests.integration.cli.installed import Place, Terminal, wait_until

_OPEN = ("run", "--delay", "3600", "x", ".")


def _delayed(place: Place) -> bool:
    return bool(place.json("status")["queue"]["delayed"] == 3)


def test_ctrl_c_asks_and_cancels(place: Place) -> None:
    """On a terminal Ctrl-C asks whether the tasks go on; `c` cancels them, exit code 130."""
    place.up()
    terminal = Terminal(place, *_OPEN)
    terminal.wait_for("0/4")
    terminal.type("\x03")
    terminal.wait_for("[c]ancel them?")
    terminal.type("c\n")
    assert terminal.end() == 130
    assert "is cancelled" in terminal.screen
    assert place.json("status")["queue"]["cancelled"] == 4


@pytest.mark.parametrize("answer", ["\n", "k\n", "what?\n"])
def test_ctrl_c_keeps_unless_told_otherwise(place: Place, answer: str) -> None:
    """Any answer but `c` keeps the tasks: nothing is lost by hitting a wrong key."""
    place.up()
    terminal = Terminal(place, *_OPEN)
    terminal.wait_for("0/4")
    terminal.type("\x03")
    terminal.wait_for("[c]ancel them?")
    terminal.type(answer)
    assert terminal.end() == 130
    assert "goes on" in terminal.screen
    assert _delayed(place)


def test_a_second_ctrl_c_leaves_at_once(place: Place) -> None:
    """Who asks twice does not want a question: out at once, the tasks stay, the cursor is back."""
    place.up()
    terminal = Terminal(place, *_OPEN)
    terminal.wait_for("0/4")
    terminal.type("\x03")
    terminal.wait_for("[c]ancel them?")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "nothing is lost" in terminal.screen
    assert terminal.screen.rfind("\x1b[?25h") > terminal.screen.rfind("\x1b[?25l")
    assert _delayed(place)


def test_ctrl_c_stops_the_fleet_of_the_job_and_keeps_its_tasks(place: Place) -> None:
    """A fleet started for the job is stopped; the tasks lie in the data folder until `ez up`."""
    terminal = Terminal(place, *_OPEN)
    terminal.wait_for("0/4")
    terminal.type("\x03")
    terminal.wait_for("[c]ancel them?")
    terminal.type("\n")
    assert terminal.end() == 130
    assert "`ez up` continues it" in terminal.screen
    assert place.processes() == {}
    place.up()
    assert _delayed(place)


def test_a_second_ctrl_c_leaves_no_fleet_behind(place: Place) -> None:
    """Leaving at once still ends the fleet that was started for the job: it notices by itself."""
    terminal = Terminal(place, *_OPEN)
    terminal.wait_for("0/4")
    terminal.type("\x03")
    terminal.wait_for("[c]ancel them?")
    terminal.type("\x03")
    assert terminal.end() == 130
    wait_until(lambda: not place.processes(), "its fleet has stopped")


@pytest.mark.parametrize(("option", "queue"), [("keep", "delayed"), ("cancel", "cancelled")])
def test_on_interrupt_decides_without_asking(place: Place, option: str, queue: str) -> None:
    """`--on-interrupt` answers the question beforehand."""
    place.up()
    terminal = Terminal(place, "run", "--on-interrupt", option, *_OPEN[1:])
    terminal.wait_for("0/4")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "[c]ancel them?" not in terminal.screen
    assert place.json("status")["queue"][queue] >= 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_terminal_the_tasks_are_kept(place: Place, number: signal.Signals) -> None:
    """Where nobody can be asked the tasks go on."""
    place.up()
    job = place.begin(*_OPEN)
    wait_until(lambda: _delayed(place), "the job is handed in")
    job.send_signal(number)
    _, err = job.communicate(timeout=30)
    assert job.returncode == 130, err
    assert b"goes on" in err
    assert _delayed(place)


def test_on_a_terminal_results_are_drawn_and_fit(place: Place) -> None:
    """On a terminal of 80 columns no line of the results is longer than that."""
    place.write(
        "a/very/deep/folder/with_quite_a_long_name/" + "x" * 60 + ".py", "def f(a):\n    return a if a else 0\n"
    )
    terminal = Terminal(place, "run", "x", ".")
    assert terminal.end() == 0
    results = terminal.screen[terminal.screen.index("Files") :]
    lines = [line for line in results.splitlines() if "/data/runs/" not in line]
    assert any("───" in line for line in lines)
    assert max(len(_plain(line)) for line in lines) <= 80


def _plain(line: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)
