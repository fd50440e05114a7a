"""Calls that are wrong in themselves, and the end of a task."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest
from tests.unit.agents.tools.desk import Desk, Ran, use

from ezaigents.agents import HandBack, TaskFailed
from ezaigents.agents.tools import CommandResult, Toolbox
from ezaigents.endings import in_thread

_BAD = {
    "{": "not one JSON object",
    "[]": "got `array`",
    "null": "got `null`",
    '{"path": 5}': "$.path",
    '{"path": "a", "surprise": 1}': "surprise",
    '{"path": "a", "path": "b"}': "given twice",
    '{"path": NaN}': "not one JSON object",
    '{"path": "a", "lines": 1e400}': "$.lines",
    '{"path": "a", "lines": 0}': "$.lines",
    '{"path": "a", "lines": true}': "$.lines",
    '{"path": "\\ud800"}': "not one JSON object",
    '{"path": "\ud800"}': "valid Unicode",
    '\ufeff{"path": "a"}': "not one JSON object",
    '{"path": "a"} and more': "not one JSON object",
    '{"path": ' + "[" * 100_000: "$.path",
    "[" * 100_000: "got `array`",
    json.dumps({"path": "a" * 1024 * 1024}): "limit 1,048,576",
}


@pytest.mark.parametrize("arguments", _BAD, ids=range(len(_BAD)))
def test_a_wrong_call_is_told_what_is_right(box: Toolbox, arguments: str) -> None:
    """The answer names the field, says the right shape, is short, and counts as malformed."""
    outcome = use(box, "read", arguments)
    assert outcome.failed and outcome.malformed
    assert _BAD[arguments] in outcome.text
    assert outcome.text.endswith("It takes {path: string, offset_line?: integer, lines?: integer}")
    assert len(outcome.text) < 500


def test_an_unknown_tool_is_told_which_there_are(desk: Desk) -> None:
    """A name that is none, or not the agent's, is answered with those it has."""
    outcome = use(Toolbox(desk, allowed=["read", "finish"]), "edit\x1b[2J", "{}")
    assert outcome.malformed
    assert outcome.text == "there is no tool 'edit\\\\x1b[2J'; there are read, finish"


def test_run_without_commands_says_why(desk: Desk) -> None:
    """The reason reaches the model, so that it does not try again."""
    outcome = use(Toolbox(desk, why_no_commands="no sandbox works here"), "run", argv=["make"])
    assert outcome.malformed
    assert "no sandbox works here" in outcome.text


def test_null_stands_for_what_is_left_out(desk: Desk, box: Toolbox) -> None:
    """Models that must say every field say null; that is the default."""
    desk.put("a.txt", "one\n")
    assert not use(box, "read", '{"path": "a.txt", "lines": null, "offset_line": null}').failed
    assert not use(box, "list", "").failed


def test_what_is_refused_is_no_malformed_call(box: Toolbox) -> None:
    """A missing file is the model's to deal with, not a sign that it cannot speak."""
    outcome = use(box, "read", path="nowhere.py")
    assert outcome.failed and not outcome.malformed
    assert outcome.text == "nowhere.py: no such file"


def test_a_command_gets_its_list_as_it_is(desk: Desk) -> None:
    """No shell, no splitting: arguments are handed on one by one, with a limit on the time."""
    desk.put("src/a.py", "")
    ran = Ran(
        CommandResult(exit_code=2, ended="exited", output=b"\x1b[31mred\r\nplain\xff", changed=("b",), new=("a",))
    )
    outcome = use(Toolbox(desk, commands=ran), "run", argv=["echo", "; sh", "$(id)"], cwd="src", timeout_s=1e9)
    assert ran.asked == [(("echo", "; sh", "$(id)"), "src", desk.settings.command_s)]
    assert outcome.failed
    assert outcome.changed == ("a", "b")
    assert outcome.text == "exit code 2, exited  changed: b  new: a\n~~~~\n\\x1b[31mred\nplain\ufffd\n~~~~"


def test_a_long_output_is_cut_in_the_middle(desk: Desk) -> None:
    """Its beginning and its end are what matter, and what is left out is said."""
    ran = Ran(CommandResult(exit_code=0, ended="exited", output=b"first\n" + b"x" * 1_000_000 + b"\nlast"))
    outcome = use(Toolbox(desk, commands=ran), "run", argv=["make"])
    assert len(outcome.text) < 25 * 1024
    assert "first\n" in outcome.text and "\nlast\n" in outcome.text and "bytes left out" in outcome.text


def test_a_task_ends_with_words(box: Toolbox) -> None:
    """An empty summary is refused once; then the model's last word counts."""
    assert use(box, "finish", summary=" ").finish is None
    ended = use(box, "finish", summary="").finish
    assert ended is not None
    done = use(box, "finish", summary="did it", evidence="tests pass").finish
    assert done is not None and (done.summary, done.evidence) == ("did it", "tests pass")


def test_a_note_is_learned_or_refused(desk: Desk, box: Toolbox) -> None:
    """Notes go to the team's; one that is too long is told so."""
    assert not use(box, "note", text="tests need TZ=UTC").failed
    assert use(box, "note", text="x" * 501).failed
    assert desk.learned == ["tests need TZ=UTC"]


@pytest.mark.parametrize("ending", [TaskFailed("theirs"), HandBack("busy", delay_s=1)])
def test_what_ends_the_attempt_passes_through(tmp_path: Path, ending: Exception) -> None:
    """Whether an attempt may go on is not the model's to decide."""

    class Blocked(Desk):
        async def means_to_change(self, *paths: str) -> object:
            raise ending

    desk = Blocked(tmp_path)
    with pytest.raises(type(ending)):
        use(Toolbox(desk), "write", path="new.py", content="")
    desk.files.close()


def test_a_cancelled_call_ends_when_its_work_has() -> None:
    """The overlay takes one call at a time, also when the one before was cancelled."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait()
        ended.set()

    async def story() -> None:
        call = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(begun.wait)
        call.cancel()
        asyncio.get_running_loop().call_soon(may_end.set)
        with pytest.raises(asyncio.CancelledError):
            await call
        assert ended.is_set()

    asyncio.run(story())
