"""Tables: nothing in a cell steers the terminal, and they fit."""

from __future__ import annotations

import pytest

from ezaigents.cli.show import Column, fit, show_table

_COLUMNS = [Column("Path", path=True), Column("Lines", right=True), Column("Summary", text=True)]


def test_cells_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever an agent or a file name puts into a cell is shown as text, in one line."""
    show_table(_COLUMNS, [["a\x1b[2Jb", "1", "two\nlines"]])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_a_plain_table_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe nothing is cut, however long it is."""
    show_table(_COLUMNS, [["p" * 300, "1", "s" * 300]])
    assert "p" * 300 in (out := capsys.readouterr().out)
    assert "s" * 300 in out


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_drawn_table_fits(width: int) -> None:
    """Text gives way from its right, then paths from their left, until the row fits the terminal."""
    [row] = fit(_COLUMNS, [["folder/" * 20 + "name.py", "1,000", "words " * 20]], width)
    assert len("  ".join(row)) <= width
    assert row[0].endswith("name.py")
    assert row[1] == "1,000"
    assert row[2].startswith("words")
