"""Adding up a run: from the reports of its tasks to `runs/<run>/report.json` and `report.md`.

Job: runs in the child, one task's report in memory at a time. Not its job: wording (markdown), measuring.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.agents.local.figures import (
    FailedPart,
    FileFigures,
    FileReport,
    FileRow,
    FindingKind,
    LanguageTotal,
    LocatedFinding,
    Problem,
    RunReport,
    Spot,
    TaskReport,
    Totals,
    add_figures,
    hotness,
    shown_path,
)
from ezaigents.agents.local.markdown import render
from ezaigents.agents.local.protocol import Part, Summarize, Summarized
from ezaigents.codec import counted, from_json, printable, restored, to_pretty_json
from ezaigents.workspace import FileRefused, PathOutside, read_windows, write_whole

SPOTS = 10
ROWS_LISTED = 20_000
FINDINGS_LISTED_PER_KIND = 1000
NOTES_LISTED = 200
TASK_REPORT_MAX_BYTES = 64 * 1024 * 1024


def summarize(request: Summarize) -> Summarized:
    """Write both forms of the run's report; what could not be read or written is said in the answer."""
    home = Path(restored(request.home))
    folder = f"runs/{request.run}"
    sums = _Sums()
    for part in request.parts:
        sums.take(home, part)
    report = sums.report(request, f"{folder}/report.md")
    try:
        write_whole(home / folder / "report.md", render(report).encode())
        write_whole(home / folder / "report.json", to_pretty_json(report))
    except OSError as error:
        return Summarized(error=f"{folder} cannot be written ({error.strerror or error})")
    return Summarized(summary=_headline(report), report=report.markdown)


class _Sums:
    """What is kept of the reports read so far."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._languages: dict[str, LanguageTotal] = {}
        self._rows: list[FileRow] = []
        self._hottest: list[tuple[float, str, int, Spot]] = []
        self._found: dict[FindingKind, list[LocatedFinding]] = {kind: [] for kind in FindingKind}
        self._rules: dict[str, int] = {}
        self._failed: list[FailedPart] = []
        self._notes: dict[str, None] = {}

    def take(self, home: Path, part: Part) -> None:
        """Add one task's report, or note that it has none."""
        report, reason = _report_of(home, part)
        failed = report is None
        self._totals = msgspec.structs.replace(
            self._totals,
            tasks=self._totals.tasks + 1,
            failed_tasks=self._totals.failed_tasks + failed,
        )
        if report is None:
            self._failed.append(FailedPart(title=part.title, state=part.state, reason=reason))
            return
        for note in report.notes:
            self._note(note)
        for file in report.files:
            self._take_file(file)

    def report(self, request: Summarize, markdown: str) -> RunReport:
        """Put everything in its order."""
        rows = sorted(self._rows, key=lambda row: row.path)
        listed = [finding for kind in _KINDS_IN_ORDER for finding in self._listed(kind)]
        everything = self._totals.figures.findings
        return RunReport(
            run=request.run,
            prompt=request.prompt,
            markdown=markdown,
            totals=self._totals,
            spots=tuple(entry[3] for entry in sorted(self._hottest, key=_hottest_first)),
            languages=tuple(sorted(self._languages.values(), key=lambda total: (-total.figures.code, total.language))),
            files=tuple(rows[:ROWS_LISTED]),
            files_left_out=max(0, len(rows) - ROWS_LISTED),
            findings=tuple(listed),
            findings_left_out=everything - len(listed),
            rules=dict(sorted(self._rules.items(), key=lambda rule: (-rule[1], rule[0]))),
            failed=tuple(self._failed),
            notes=tuple(self._notes),
        )

    def _listed(self, kind: FindingKind) -> list[LocatedFinding]:
        return sorted(self._found[kind], key=lambda found: (found.path, found.finding.line))

    def _note(self, note: str) -> None:
        if len(self._notes) < NOTES_LISTED:
            self._notes[note] = None

    def _take_file(self, file: FileReport) -> None:
        has_problem = file.problem is not Problem.NONE
        self._totals = msgspec.structs.replace(
            self._totals,
            files=self._totals.files + 1,
            problems=self._totals.problems + has_problem,
            size_bytes=self._totals.size_bytes + file.size_bytes,
            figures=add_figures(self._totals.figures, file.figures),
        )
        self._rows.append(
            FileRow(
                path=file.path,
                language=file.language,
                size_bytes=file.size_bytes,
                figures=file.figures,
                worst=file.functions[0].name if file.functions else "",
                problem=file.problem,
                reason=file.reason,
            )
        )
        if not has_problem:
            self._take_language(file)
        for note in file.notes:
            self._note(f"{shown_path(file.path)}: {note}")
        for spot in _spots_of(file):
            entry = (spot.hotness, spot.path, -spot.function.line, spot)
            if len(self._hottest) < SPOTS:
                heapq.heappush(self._hottest, entry)
            elif entry[:3] > self._hottest[0][:3]:
                heapq.heapreplace(self._hottest, entry)
        for finding in file.findings:
            self._rules[finding.rule] = self._rules.get(finding.rule, 0) + 1
            kept = self._found[finding.kind]
            if len(kept) < FINDINGS_LISTED_PER_KIND:
                kept.append(LocatedFinding(path=file.path, finding=finding))

    def _take_language(self, file: FileReport) -> None:
        known = self._languages.get(file.language)
        self._languages[file.language] = LanguageTotal(
            language=file.language,
            files=(known.files if known else 0) + 1,
            size_bytes=(known.size_bytes if known else 0) + file.size_bytes,
            figures=add_figures(known.figures if known else FileFigures(), file.figures),
        )


_KINDS_IN_ORDER = (FindingKind.SECRET, FindingKind.LINT, FindingKind.TODO)


def _hottest_first(entry: tuple[float, str, int, Spot]) -> tuple[float, str, int]:
    return (-entry[0], entry[1], -entry[2])


def _spots_of(file: FileReport) -> Iterator[Spot]:
    for function in file.functions[:SPOTS]:
        heat = hotness(function.complexity, function.lines)
        if heat > 0:
            yield Spot(path=file.path, function=function, hotness=heat)


def _report_of(home: Path, part: Part) -> tuple[TaskReport | None, str]:
    if part.state != "done":
        return None, printable(part.error) or "no reason was given"
    if not part.report:
        return None, "brought no report"
    try:
        data = b"".join(read_windows(home, part.report, TASK_REPORT_MAX_BYTES))
        return from_json(data, TaskReport), ""
    except (FileRefused, PathOutside) as error:
        return None, f"its report cannot be read: {error}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, f"its report is damaged: {printable(str(error))}"


def _headline(report: RunReport) -> str:
    figures = report.totals.figures
    words = [
        counted(report.totals.files, "file"),
        counted(figures.lines, "line"),
        counted(figures.functions, "function"),
        counted(figures.findings, "finding"),
    ]
    if report.totals.problems:
        words.append(f"{counted(report.totals.problems, 'file')} not analysed")
    if report.totals.failed_tasks:
        words.append(f"{counted(report.totals.failed_tasks, 'task')} failed")
    if not report.spots:
        return ", ".join(words)
    top = report.spots[0]
    place = f"{shown_path(top.path)}:{top.function.line}"
    return f"{', '.join(words)}; hottest: {top.function.name} ({place}), complexity {top.function.complexity}"
