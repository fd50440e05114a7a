"""A card as one HTML file that needs nothing else. Job: the document: no script, nothing fetched, light and dark."""

from __future__ import annotations

from html import escape

from ezaigents.scorecard import wording
from ezaigents.scorecard.charts import LABEL_WIDTH, WIDTH, Drawing, TwoBars, drawings_of
from ezaigents.scorecard.shown import Card
from ezaigents.scorecard.tables import Table, notes_of, tables_of

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --back: #ffffff; --line: #d0d7de; --was: #8a6d3b; --now: #0a6e4f;
  --bad: #a40e26; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --back: #0d1117; --line: #3d444d; --was: #d4a85a; --now: #4cc38a; --bad: #ff8a8a; }
}
body { color: var(--text); background: var(--back); font: 16px/1.5 system-ui, sans-serif; max-width: 68rem;
  margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 2rem; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.PASS { color: var(--now); font-weight: 600; }
.FAIL { color: var(--bad); font-weight: 600; }
svg.bars { width: 100%; max-width: 44rem; height: auto; font-size: 12px; }
svg text { fill: var(--text); }
svg .before { fill: var(--was); }
svg .after { fill: var(--now); }
.notice { border-left: 4px solid var(--was); padding-left: .8rem; }
"""


def to_html(card: Card) -> str:
    """The whole document."""
    drawings = "".join(map(_drawn, drawings_of(card.rows)))
    return "".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Scorecard {escape(card.at)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>Scorecard</h1><p>A {escape(wording.heading(card))}.</p>",
        *[f'<p class="notice">{escape(notice)}</p>' for notice in wording.notices(card)],
        f"<p>Machine: {escape(wording.machine_line(card))}.</p>",
        f"<h2>In pictures</h2><p>The upper bar is before, the lower one after.</p>{drawings}" if drawings else "",
        *map(_table, tables_of(card)),
        "<h2>How it was measured</h2><ul>",
        *[f"<li>{escape(note)}</li>" for note in notes_of(card)],
        "</ul></main></body></html>\n",
    ])  # fmt: skip


def _drawn(drawing: Drawing) -> str:
    title = escape(drawing.title)
    return (
        f'<h3>{title}</h3><svg class="bars" viewBox="0 0 {WIDTH} {drawing.height}" role="img" '
        f'aria-label="{title}: before and after; the table has the figures">{"".join(map(_two, drawing.bars))}</svg>'
    )


def _two(bars: TwoBars) -> str:
    first = _bar("before", bars.y, bars.before_width, bars.before)
    second = _bar("after", bars.y + 14, bars.after_width, bars.after)
    return f'<text x="0" y="{bars.y + 18}">{escape(bars.label)}</text>{first}{second}'


def _bar(which: str, y: int, width: float, words: str) -> str:
    return (
        f'<rect class="{which}" x="{LABEL_WIDTH}" y="{y}" width="{width}" height="12"></rect>'
        f'<text x="{LABEL_WIDTH + width + 6:.1f}" y="{y + 10}">{escape(words)}</text>'
    )


def _table(table: Table) -> str:
    heads = "".join(
        f'<th scope="col"{_aligned(table, index)}>{escape(head)}</th>' if head else "<td></td>"
        for index, head in enumerate(table.heads)
    )
    rows = "".join(f"<tr>{_cells(table, cells)}</tr>" for cells in table.cells)
    about = f"<p>{escape(table.about)}</p>" if table.about else ""
    return (
        f'<h2>{escape(table.title)}</h2>{about}<div class="wide" tabindex="0" role="region" '
        f'aria-label="{escape(table.title)}"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cells(table: Table, cells: tuple[str, ...]) -> str:
    return "".join(f"<td{_aligned(table, index, cell)}>{escape(cell)}</td>" for index, cell in enumerate(cells))


def _aligned(table: Table, index: int, cell: str = "") -> str:
    if cell in ("PASS", "FAIL"):
        return f' class="{cell}"'
    return ' class="number"' if index in table.numbers else ""
