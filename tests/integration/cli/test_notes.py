"""`ez notes`, with and without a running fleet."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.integration.cli.installed import Place


def _add(place: Place, text: str, *options: str) -> str:
    done = place.ez("notes", "add", text, *options)
    assert done.code == 0, done.err
    return done.out.strip()


def test_a_note_is_written_listed_changed_and_removed(place: Place) -> None:
    """The whole life of a note, without a fleet; every change is seen by the next command."""
    first = _add(place, "tests need EZ_HOME")
    second = _add(place, "the build is slow", "--pin")
    rows = place.json("notes")["notes"]
    assert [(row["id"], row["author"], row["pinned"]) for row in rows] == [
        (first, "user", False),
        (second, "user", True),
    ]
    assert set(rows[0]) == {"id", "text", "author", "task", "at_ms", "pinned", "expires_ms"}
    for change in (("edit", first, "tests need nothing"), ("pin", first), ("unpin", second)):
        assert place.ez("notes", *change).code == 0
    rows = place.json("notes")["notes"]
    assert {row["text"]: row["pinned"] for row in rows} == {"tests need nothing": True, "the build is slow": False}
    table = place.ez("notes").out
    assert table.splitlines()[0].split() == ["Note", "Pinned", "Author", "When", "Text"]
    assert "tests need nothing" in table
    assert place.ez("notes", "remove", first).code == 0
    assert [row["id"] for row in place.json("notes")["notes"]] == [second]
    assert place.processes() == {}


def test_a_list_of_nothing_makes_nothing(place: Place) -> None:
    """Looking at notes where no fleet ever ran says that there are none, and leaves no data folder behind."""
    assert place.json("notes") == {"notes": []}
    done = place.ez("notes")
    assert (done.code, done.out) == (0, "")
    assert "ez notes add" in done.err
    assert not place.home.exists()


def test_notes_outlive_a_fleet_and_belong_to_their_workspace(place: Place) -> None:
    """What was written before, while and after a fleet runs is one list; another workspace has its own."""
    _add(place, "before")
    place.up()
    _add(place, "while")
    place.ez("down")
    _add(place, "after")
    assert [row["text"] for row in place.json("notes")["notes"]] == ["before", "while", "after"]
    other = place.home.parent / "elsewhere"
    other.mkdir()
    assert json.loads(place.ez("notes", "--json", EZ_WORKSPACE=str(other)).out) == {"notes": []}


def test_a_text_may_come_from_standard_input(place: Place) -> None:
    """`-` reads it, for `add` and for `edit`; what is not UTF-8, or too long, is refused."""
    done = place.feed(b"from a pipe\n", "notes", "add", "-")
    assert done.code == 0
    assert place.feed(b"changed", "notes", "edit", done.out.strip(), "-").code == 0
    assert [row["text"] for row in place.json("notes")["notes"]] == ["changed"]
    for done in (place.feed(b"x\xff", "notes", "add", "-"), place.ez("notes", "add", b"x\xff")):
        assert done.code == 2
        assert done.error.startswith("ez: text: is not UTF-8 (byte 1)")
    assert "longer than" in (long := place.feed(b"x" * 1_100_000, "notes", "add", "-").error)
    assert "say it shorter" in long
    assert "500 bytes" in place.feed(b"x" * 501, "notes", "add", "-").error


def test_an_unknown_id_is_told(place: Place) -> None:
    """A slip of the finger is an error of usage; no other note is named, which somebody might then remove."""
    note = _add(place, "x")
    for change in (("edit", f"{note[:-1]}u", "y"), ("pin", f"{note[:-1]}u"), ("remove", f"{note[:-1]}u")):
        done = place.ez("notes", *change)
        assert done.code == 2
        assert "no note" in done.error
        assert note not in done.error


def test_a_note_that_cannot_be_written_harms_no_other(place: Place) -> None:
    """Where nothing more can be written the advice is to make room, never to remove the notes there are."""
    _add(place, "kept")
    command = ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", *place.command("notes", "add", "more")]
    done = subprocess.run(
        command, cwd=place.workspace, env=place.environ, capture_output=True, timeout=60, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "the notes cannot be written: File too large; free space" in done.stderr
    assert "remove" not in done.stderr
    assert [row["text"] for row in place.json("notes")["notes"]] == ["kept"]


def test_what_a_note_holds_cannot_paint_the_terminal(place: Place) -> None:
    """Control characters are shown escaped, and one note is one line."""
    _add(place, "a\x1b[31m\nb")
    lines = place.ez("notes").out.splitlines()
    assert len(lines) == 2
    assert "\\x1b[31m\\nb" in lines[1]


def test_a_damaged_file_is_said_and_set_aside(place: Place) -> None:
    """One line on stderr, no traceback, an empty list; the next note begins a new file."""
    _add(place, "lost")
    [path] = (place.home / "notes").glob("*.json")
    path.write_text("[{")
    done = place.ez("notes", "--json")
    assert (done.code, json.loads(done.out)) == (0, {"notes": []})
    assert f"{path.name}.damaged-1" in done.err
    assert "Traceback" not in done.err
    _add(place, "new")
    assert [row["text"] for row in place.json("notes")["notes"]] == ["new"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "no such command 'nothing'"),
        (("add",), "missing argument 'TEXT'"),
        (("add", " "), "a note needs some words"),
        (("--json", "add", "x"), "--json goes with the list"),
    ],
)
def test_wrong_usage_is_one_line(place: Place, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, what is wrong, and nothing is written."""
    done = place.ez("notes", *arguments)
    assert done.code == 2
    assert words in done.error
    assert place.json("notes") == {"notes": []}
