"""A card as tables of words. Job: titles, columns and cells, the same for terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ezaigents.scorecard import wording
from ezaigents.scorecard.shown import Card, Row

BOXES_TITLE = "Success metrics of the plan"
_ROW_HEADS = ("", "Figure", "Unit", "Before", "After", "Saving", "Target", "Verdict", "n")


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """`about`: a sentence beneath the title. `numbers`: the columns that are aligned to the right."""

    title: str
    heads: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    about: str = ""
    numbers: tuple[int, ...] = ()


def tables_of(card: Card) -> list[Table]:
    """Every table that has rows."""
    found = [
        _rows("Before and after", card.rows, f"Before: without {', '.join(card.off)}. After: with all of them."),
        _rows(
            "Against the legacy system", card.legacy,
            "Measured here against quoted: the figures before were measured elsewhere, of another system.",
        ),
        _switches(card),
        _boxes(card),
        _cost(card),
        _quoted_costs(card),
        _families(card),
        _claims(card),
    ]  # fmt: skip
    return [table for table in found if table.cells]


def notes_of(card: Card) -> list[str]:
    """What is to be said of single rows, of what was not measured, and how all was."""
    rows = [f"{row.group}, {row.metric}: {row.note}." for row in (*card.rows, *card.legacy) if row.note]
    left = [f"Not measured: {words}." for words in (*card.not_measured, *card.errors)]
    return [*card.method, *left, *rows, *card.sources]


def _rows(title: str, rows: Sequence[Row], about: str) -> Table:
    cells = []
    group = ""
    for row in rows:
        cells.append(
            (
                row.group if row.group != group else "", row.metric, row.unit, wording.before(row),
                wording.stat(row.after), wording.saving(row.saving), row.target, row.verdict.value, wording.counts(row),
            )
        )  # fmt: skip
        group = row.group
    return Table(title=title, heads=_ROW_HEADS, cells=tuple(cells), about=about, numbers=(3, 4, 5, 8))


def _switches(card: Card) -> Table:
    cells = []
    switch = ""
    for row in card.switches:
        name = row.switch if row.switch != switch else ""
        cells.append(
            (name, row.metric, row.unit, wording.number(row.off), wording.number(row.on), wording.saving(row.saving))
        )
        switch = row.switch
    return Table(
        title="What each switch is worth alone", cells=tuple(cells), numbers=(3, 4, 5),
        heads=("Switch", "Figure", "Unit", "Without it", "All on", "Saving"),
        about="Differences of 5 % or more; one fleet without each, so small ones of times may be chance.",
    )  # fmt: skip


def _boxes(card: Card) -> Table:
    cells = tuple((box.box, box.verdict.value, box.found) for box in card.boxes)
    return Table(title=BOXES_TITLE, heads=("Metric", "Verdict", "Found"), cells=cells)


def _cost(card: Card) -> Table:
    cost, currency = card.cost, card.cost.table.currency
    cells = [
        (
            f"{row.what}{' (quoted size)' if row.quoted else ''}", f"{row.cpus:g}", f"{row.memory_gib:g} GiB",
            row.instance or "-", wording.month(row.month, currency),
        )
        for row in cost.rows
    ]  # fmt: skip
    if cost.saving is not None:
        cells.append(("saving of what was measured", "", "", "", wording.month(cost.saving, currency)))
    return Table(
        title="Cost of an instance, a month", cells=tuple(cells), numbers=(1, 2, 4),
        heads=("What", "CPUs", "Memory", "Smallest instance", "A month"),
        about=f"Head-room: {cost.headroom}. Prices of {cost.table.date}: {cost.table.source}.",
    )  # fmt: skip


def _quoted_costs(card: Card) -> Table:
    currency = card.cost.table.currency
    rows = card.cost.table.quoted
    cells = [
        (
            row.what,
            row.before,
            wording.month(row.before_month, currency),
            row.after,
            wording.month(row.after_month, currency),
        )
        for row in rows
    ]
    if rows:
        was, now = sum(row.before_month for row in rows), sum(row.after_month for row in rows)
        cells.append(("all", "", wording.month(was, currency), "", wording.month(now, currency)))
    return Table(
        title="Costs as the plan has them (quoted)", heads=("What", "Before", "A month", "After", "A month"),
        cells=tuple(cells), numbers=(2, 4), about="Quoted from the plan; nothing here was measured.",
    )  # fmt: skip


def _families(card: Card) -> Table:
    cells = tuple((row.sort, f"{row.before_bytes:,}", f"{row.after_bytes:,}") for row in card.families)
    return Table(
        title="Engine storage by sort of key, bytes after work", heads=("Sort", "Before", "After"), cells=cells,
        numbers=(1, 2), about="docs/engine-keys.md says what each sort is.",
    )  # fmt: skip


def _claims(card: Card) -> Table:
    cells = tuple((one.metric, one.before, one.after, one.saving) for one in card.claims)
    return Table(
        title="What the plan claims (quoted)", heads=("Metric", "Before", "After", "Saving"), cells=cells,
        about="Quoted from the plan; nothing here was measured.",
    )  # fmt: skip
