"""Data on stdout: JSON, and tables that are drawn on a terminal and plain in a pipe. Not its job: what is in them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ezaigents.codec import printable, to_json, to_pretty_json

if TYPE_CHECKING:
    from rich.console import RenderableType

_GAP = 2
_LEAST_CHARS = 10


class Column(NamedTuple):
    """A column: `right` aligns numbers; `path` and `text` give way, from their left and right, in a narrow terminal."""

    title: str
    right: bool = False
    path: bool = False
    text: bool = False


def show_json(value: object) -> None:
    """Print a record or plain data as indented JSON."""
    _write(to_pretty_json(value).decode())


def show_json_line(value: object) -> None:
    """Print one value as one line of JSON, at once."""
    _write(to_json(value).decode() + "\n")
    sys.stdout.flush()


def show_line(line: str = "") -> None:
    """Print a line."""
    _write(line + "\n")


def show_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one pair a line; pairs without a value are left out."""
    width = max((len(name) for name, value in pairs if value), default=0)
    for name, value in pairs:
        if value:
            show_line(f"{name:<{width}}  {value}")


def show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Print a table: drawn, and fitted to its width, on a terminal; plain and whole in a pipe."""
    safe = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(columns, safe, title)
    else:
        _print_plain(columns, safe, title)


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str) -> None:
    if title:
        show_line(title)
    widths = _widths(columns, rows)
    for row in [[column.title for column in columns], *rows]:
        cells = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        show_line((" " * _GAP).join(cells).rstrip())


def _draw(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for part in drawn(columns, rows, console.width - 1, title):
        console.print(part)


def drawn(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, title: str = ""
) -> list[RenderableType]:
    """A table as rich draws it, in at most `width` characters, below its title. The cells are safe already."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", no_wrap=True, overflow="ellipsis")
    for row in fit(columns, rows, width):
        table.add_row(*[Text(cell, style=_STYLES.get(cell.partition(":")[0], "")) for cell in row])
    return [Text(title, style="bold underline"), table] if title else [table]


_STYLES = {
    "ready": "green", "done": "green", "ok": "green", "dead": "red", "fail": "red", "warn": "yellow",
    "unavailable": "yellow", "cancelled": "yellow", "skipped": "yellow", "leased": "cyan",
}  # fmt: skip


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """Shorten cells so that a table is at most `width` characters wide, as far as that can be.

    Text columns give way first, from their right; then path columns, from their left.
    """
    widths = _widths(columns, rows)
    over = sum(widths) + _GAP * (len(widths) - 1) - width
    for gives_way in ("text", "path"):
        for index, column in enumerate(columns):
            if over > 0 and getattr(column, gives_way):
                taken = min(over, max(0, widths[index] - _LEAST_CHARS))
                widths[index] -= taken
                over -= taken
    return [
        [_shortened(cell, limit, column) for cell, limit, column in zip(row, widths, columns, strict=True)]
        for row in rows
    ]


def _shortened(cell: str, limit: int, column: Column) -> str:
    if len(cell) <= limit or not (column.path or column.text):
        return cell
    return "…" + cell[len(cell) - limit + 1 :] if column.path else cell[: limit - 1] + "…"


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max([len(column.title), *(len(row[index]) for row in rows)]) for index, column in enumerate(columns)]


def _write(text: str) -> None:
    sys.stdout.write(text)
