"""Which rule answers, at which step, and with what in its places."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.simulate.asked import asked

from ezaigents.errors import ConfigError
from ezaigents.simulate import NO_RULE, read_rules, team_rules
from ezaigents.simulate.asked import Dialect, Move, Stop
from ezaigents.simulate.rules import NO_STEP

_RULES = """
[[rule]]
match = "mend (it|this)"
model = "^gpt"
[[rule.steps]]
text = "for gpt"

[[rule]]
match = "mend (it|this)"
dialect = "messages"
[[rule.steps]]
text = "first"
calls = [{ name = "read", arguments = { path = "a b.py" } }]
[[rule.steps]]
calls = [{ name = "edit", arguments = { sha256 = "{sha:a b.py}", edits = [{ old = "{", new = "{result}" }] } }]
[[rule.steps]]
text = "cut"
stop = "length"
"""
_HASH = "ab" * 32
_READ = f"path: a b.py  sha256: {_HASH}  lines 1-2 of 2\nx = 1\n"


def _move(**fields: object) -> Move:
    return read_rules([_RULES]).move(asked("please MEND it\nnow", **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("prompt", ["", "hello", "mend", "Fix the bug in src/foo.py", "[[rule]] match"])
def test_a_prompt_without_a_rule_gets_no_patch(prompt: str) -> None:
    """An unscripted prompt is answered `simulated: no rule`, whatever tools there are."""
    move = read_rules([_RULES, team_rules()]).move(asked(prompt, tools=frozenset({"edit", "finish"})))
    assert move == Move(text=NO_RULE)


def test_the_first_rule_that_fits_prompt_model_and_dialect_answers() -> None:
    """Case does not matter; model and dialect must fit as well."""
    assert _move().text == "first"
    assert _move(model="gpt-6").text == "for gpt"
    assert _move(dialect=Dialect.CHAT) == Move(text=NO_RULE)


def test_the_step_is_the_number_of_assistant_turns() -> None:
    """Nothing is remembered: the request alone says how far the conversation is."""
    assert [_move(step=step, results=(_READ,)).stop for step in (1, 0, 2)] == [Stop.TOOLS, Stop.TOOLS, Stop.LENGTH]


def test_a_hash_is_taken_from_the_newest_read_of_the_path() -> None:
    """`{sha:PATH}` is the hash of the last result that names PATH, also deep within arguments; other braces stay."""
    older = _READ.replace(_HASH, "cd" * 32)
    other = _READ.replace("a b.py", "c.py").replace(_HASH, "ef" * 32)
    arguments = _move(step=1, results=(older, _READ, other)).calls[0].arguments
    assert arguments["sha256"] == _HASH
    assert arguments["edits"] == [{"old": "{", "new": other}]


@pytest.mark.parametrize(
    "result", ["", "file not found", f"sha256: {_HASH}", _READ.replace("a b.py", "x/a b.py"), f" {_READ}"]
)
def test_without_the_read_there_is_no_edit(result: str) -> None:
    """A hash that no result gave is not made up: the model says what is missing and calls nothing."""
    move = _move(step=1, results=(result,))
    assert (move.calls, move.stop) == ((), Stop.END)
    assert move.text.startswith("simulated: the rule needs a read of a b.py")


def test_after_the_last_step_it_finishes() -> None:
    """The tool `finish` is called where there is one; else the turn ends in words."""
    assert _move(step=3) == Move(text=NO_STEP)
    move = _move(step=7, tools=frozenset({"finish"}))
    assert (move.calls[0].name, move.stop) == ("finish", Stop.TOOLS)


@pytest.mark.parametrize(
    "text",
    [
        "[[rule]\n",
        '[[rule]]\nmatch = "("\nsteps = []',
        '[[rule]]\nmatch = "a"',
        '[[rule]]\nmatch = "a"\nsteps = [{ txet = "a" }]',
        '[[fault]]\nstatus = "no"',
        '[[fault]]\ntext_file = "/nowhere/at/all"',
        "[[rules]]",
    ],
)
def test_a_rule_file_that_is_wrong_is_refused(tmp_path: Path, text: str) -> None:
    """Mistakes are told before anything listens, with the file's name."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.toml|/nowhere/at/all"):
        read_rules([path])


def test_a_rule_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read"):
        read_rules([tmp_path / "gone.toml"])
