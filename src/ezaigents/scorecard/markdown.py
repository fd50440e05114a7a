"""A card as Markdown. Job: the document. Not its job: its tables' words."""

from __future__ import annotations

from ezaigents.scorecard import wording
from ezaigents.scorecard.shown import Card
from ezaigents.scorecard.tables import Table, notes_of, tables_of


def to_markdown(card: Card) -> str:
    """The whole document."""
    parts = [
        "# Scorecard",
        f"A {_safe(wording.heading(card))}.",
        *[f"**{_safe(notice)}**" for notice in wording.notices(card)],
        f"Machine: {_safe(wording.machine_line(card))}.",
        *map(_table, tables_of(card)),
        "## How it was measured",
        "\n".join(f"- {_safe(note)}" for note in notes_of(card)),
    ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = [f"## {table.title}", ""]
    if table.about:
        lines += [table.about, ""]
    marks = ["---:" if index in table.numbers else "---" for index in range(len(table.heads))]
    lines += [_line(table.heads), _line(marks), *map(_line, table.cells)]
    return "\n".join(lines)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(_safe(cell) for cell in cells)} |"


def _safe(text: str) -> str:
    """A cell stays one cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
