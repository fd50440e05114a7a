"""A run's report for people.

Job: words and tables in Markdown. Not its job: terminals (cli), figures (summary).
Text that comes from files is escaped, so that it is shown and never becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ezaigents.agents.local.figures import (
    FileFigures,
    FileRow,
    FindingKind,
    LocatedFinding,
    Problem,
    RunReport,
    Spot,
    shown_path,
)
from ezaigents.codec import counted, printable
from ezaigents.workspace import human_size

ROWS_SHOWN = 500
FINDINGS_SHOWN_PER_KIND = 200
RULES_SHOWN = 20
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&])")
_HEADINGS = {
    FindingKind.SECRET: "Possible secrets",
    FindingKind.LINT: "Lint",
    FindingKind.TODO: "Notes left in the code",
}


def render(report: RunReport) -> str:
    """Write the whole report as Markdown, ending in a newline."""
    parts = (
        _head(report),
        _spots(report.spots),
        _languages(report),
        _findings(report),
        _failed(report),
        _files(report),
        _notes(report),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(report: RunReport) -> Iterator[str]:
    totals = report.totals
    yield "# Code analysis"
    yield ""
    for line in report.prompt.splitlines() or [""]:
        yield f"> {_text(line)}"
    yield ""
    looked = f"{counted(totals.files, 'file')} ({human_size(totals.size_bytes)})"
    figures = totals.figures
    yield f"**{looked}, {counted(figures.lines, 'line')}, {counted(figures.functions, 'function')}.**"
    yield (
        f"{counted(figures.secrets, 'possible secret')}, "
        f"{counted(figures.lint, 'lint finding')}, "
        f"{counted(figures.todos, 'note')} left in the code."
    )
    if totals.problems:
        yield f"{counted(totals.problems, 'file')} could not be analysed; the table of files says why."
    if totals.failed_tasks:
        yield f"{counted(totals.failed_tasks, 'task')} of {totals.tasks} brought no result."
    yield ""


def _spots(spots: Sequence[Spot]) -> Iterator[str]:
    yield "## Hottest spots"
    yield ""
    if not spots:
        yield "No function with a decision in it was found."
        yield ""
        return
    rows = (
        (
            str(rank),
            _code(spot.function.name),
            _code(f"{shown_path(spot.path)}:{spot.function.line}"),
            f"{spot.function.complexity}",
            f"{spot.function.lines}",
            f"{spot.function.params}",
            f"{spot.hotness:,.1f}",
        )
        for rank, spot in enumerate(spots, 1)
    )
    yield from _table(("", "Function", "Where", "Complexity", "Lines", "Parameters", "Hotness"), "rllrrrr", rows)
    yield "Hotness is (complexity - 1) x the square root of the lines: how much there is to get wrong."
    yield ""


def _languages(report: RunReport) -> Iterator[str]:
    if not report.languages:
        return
    yield "## Languages"
    yield ""
    rows = (
        (_text(total.language), f"{total.files:,}", human_size(total.size_bytes), *_counts(total.figures))
        for total in report.languages
    )
    yield from _table(("Language", "Files", "Size", *_COUNT_HEADS), "lrr" + "r" * len(_COUNT_HEADS), rows)


def _files(report: RunReport) -> Iterator[str]:
    yield "## Files"
    yield ""
    rows = (
        (_code(shown_path(row.path)), _text(row.language), human_size(row.size_bytes), *_file_cells(row))
        for row in report.files[:ROWS_SHOWN]
    )
    heads = ("File", "Language", "Size", *_COUNT_HEADS, "Hottest function")
    yield from _table(heads, "llr" + "r" * len(_COUNT_HEADS) + "l", rows)
    hidden = len(report.files) - ROWS_SHOWN + report.files_left_out
    if hidden > 0:
        yield f"{counted(hidden, 'more file')}: see report.json beside this file."
        yield ""


def _file_cells(row: FileRow) -> tuple[str, ...]:
    if row.problem is not Problem.NONE:
        return (*[""] * len(_COUNT_HEADS), _text(row.reason))
    return (*_counts(row.figures), _code(row.worst) if row.worst else "")


_COUNT_HEADS = ("Lines", "Code", "Comments", "Functions", "Worst complexity", "Findings")


def _counts(figures: FileFigures) -> tuple[str, ...]:
    counts = (
        figures.lines,
        figures.code,
        figures.comments,
        figures.functions,
        figures.worst_complexity,
        figures.findings,
    )
    return tuple(f"{count:,}" for count in counts)


def _findings(report: RunReport) -> Iterator[str]:
    yield "## Findings"
    yield ""
    if not report.totals.figures.findings:
        yield "None."
        yield ""
        return
    if report.rules:
        yield ", ".join(f"{_text(rule)} {count:,}" for rule, count in list(report.rules.items())[:RULES_SHOWN])
        yield ""
    for kind, heading in _HEADINGS.items():
        found = [located for located in report.findings if located.finding.kind is kind]
        if found:
            yield f"### {heading}"
            yield ""
            yield from _finding_lines(found)
    if report.findings_left_out:
        yield f"{counted(report.findings_left_out, 'more finding')} not listed."
        yield ""


def _finding_lines(found: Sequence[LocatedFinding]) -> Iterator[str]:
    for located in found[:FINDINGS_SHOWN_PER_KIND]:
        finding = located.finding
        place = _code(f"{shown_path(located.path)}:{finding.line}")
        yield f"- {place} {_text(finding.rule)}: {_text(finding.message)}"
    if len(found) > FINDINGS_SHOWN_PER_KIND:
        yield f"- {len(found) - FINDINGS_SHOWN_PER_KIND:,} more in report.json"
    yield ""


def _failed(report: RunReport) -> Iterator[str]:
    if not report.failed:
        return
    yield "## Tasks without a result"
    yield ""
    rows = ((_code(part.title), part.state, _text(part.reason)) for part in report.failed)
    yield from _table(("Task", "State", "Why"), "lll", rows)


def _notes(report: RunReport) -> Iterator[str]:
    if not report.notes:
        return
    yield "## Remarks"
    yield ""
    for note in report.notes:
        yield f"- {_text(note)}"
    yield ""


def _table(heads: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---:' if side == 'r' else '---' for side in align)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", printable(text))


def _code(text: str) -> str:
    return f"`{printable(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"
