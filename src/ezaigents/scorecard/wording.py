"""Figures as words. Job: numbers with as many digits as they deserve, spreads, savings. Pure."""

from __future__ import annotations

from ezaigents.codec import counted
from ezaigents.scorecard.shown import Card, Row, Stat

NOT = "not measured"


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def stat(value: Stat | None, unit: str = "") -> str:
    """The median, and the spread where there is one."""
    if value is None:
        return NOT
    spread = f" ({number(value.least)}-{number(value.most)})" if value.most > value.least else ""
    return f"{number(value.median)}{f' {unit}' if unit else ''}{spread}"


def before(row: Row) -> str:
    """What stands in the column of that name."""
    if row.group == "Size":
        return "-"
    return f"{stat(row.before)}{' quoted' if row.quoted else ''}"


def saving(value: float | None) -> str:
    """Less is a minus; more says so. What is left of something is never rounded away."""
    if value is None:
        return "-"
    value = min(value, 99.9) if value < 100 else value
    return f"-{value:.1f} %" if value >= 0 else f"+{-value:.1f} %"


def counts(row: Row) -> str:
    """How often each of the two was measured."""
    first = "-" if row.before is None or row.quoted else str(row.before.n)
    return f"{first}/{row.after.n if row.after else '-'}"


def month(value: float | None, currency: str) -> str:
    """What something costs a month."""
    return f"{value:,.2f} {currency}" if value is not None else "none of the table holds it"


def machine_line(card: Card) -> str:
    """The machine in one line."""
    found = card.machine
    return (
        f"{found.cores} cores ({found.cpu}), {found.memory_bytes / 2**30:.1f} GiB, {found.kernel}, "
        f"Python {found.python}, {found.engine}, ezaigents {found.ezaigents}, {found.filesystem}, "
        f"fsync {found.fsync_ms:g} ms, load average before {found.load_1min:g}"
    )


def heading(card: Card) -> str:
    """What it is, in one line."""
    return f"{card.kind} scorecard of {card.at}, {counted(card.fleets, 'fleet')} in {card.took_s:.0f} s"


def notices(card: Card) -> list[str]:
    """What a reader has to know before the first figure."""
    found = [f"Partial: {card.partial}."] if card.partial else []
    found += [f"Busy: {card.busy}."] if card.busy else []
    return [*found, "Models were simulated: no model was asked, nothing was paid."]
