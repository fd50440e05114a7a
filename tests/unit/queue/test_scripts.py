"""Scripts as files: their form, and how a guard is taken out for a fault test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ezaigents import queue
from ezaigents.queue import load_scripts
from ezaigents.queue.fsck.check import NAMES as FSCK_NAMES
from ezaigents.queue.scripts import NAMES

_FOLDER = Path(queue.__file__).parent / "lua"


def test_every_script_file_is_loaded_by_somebody() -> None:
    """No script lies about unused, and none is missing."""
    assert {path.stem for path in _FOLDER.glob("*.lua")} == {"_prelude", *NAMES, *FSCK_NAMES}


def test_a_script_is_header_prelude_and_body() -> None:
    """The #!lua line stays first, the shared prelude follows, and the digest is that of the whole."""
    prelude = (_FOLDER / "_prelude.lua").read_text()
    for name, script in load_scripts(names=(*NAMES, *FSCK_NAMES)).items():
        first, body = (_FOLDER / f"{name}.lua").read_text().split("\n", 1)
        assert script.text == f"{first}\n{prelude}{body}"
        assert script.digest == hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()


def test_hosts_do_not_load_the_scripts_of_fsck() -> None:
    """What only a check or a repair needs costs a host nothing."""
    assert set(load_scripts()) == set(NAMES)
    assert not set(NAMES) & set(FSCK_NAMES)


def test_every_script_says_what_it_takes_and_gives() -> None:
    """Each file's head names its job, its arguments and its result."""
    for name in (*NAMES, *FSCK_NAMES):
        head = (_FOLDER / f"{name}.lua").read_text().split("\nlocal ", 1)[0]
        assert f"-- {name}: " in head
        assert "ARGV" in head
        assert "Result:" in head, name


def test_a_guard_can_be_taken_out_for_a_fault_test() -> None:
    """The text named is replaced, in that script only."""
    plain, changed = load_scripts(), load_scripts({"finish": ("h[2] == fence", "true")})
    assert "h[2] == fence" not in changed["finish"].text
    assert changed["fail"].text == plain["fail"].text


def test_a_guard_that_is_not_there_is_an_error() -> None:
    """A fault test cannot pass because its guard was renamed."""
    with pytest.raises(ValueError, match=r"finish\.lua does not hold"):
        load_scripts({"finish": ("no such text", "")})
