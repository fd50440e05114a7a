"""The figures an analysis is made of, and how hot a spot is.

Job: frozen records, their words, and reading a finished report. Not its job: measuring or adding up.
Paths in records are in `codec.storable` form; other text is printable.
"""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path

import msgspec

from ezaigents.codec import from_json, printable, restored
from ezaigents.errors import InputError
from ezaigents.workspace import FileRefused, PathOutside, read_windows

RUN_REPORT_MAX_BYTES = 64 * 1024 * 1024


class Problem(StrEnum):
    """Why a file has no figures, or not all; `none` when it has them."""

    NONE = "none"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    NOT_REGULAR = "not_regular"
    OUTSIDE = "outside"
    TOO_LARGE = "too_large"
    BINARY = "binary"
    STOPPED = "stopped"
    """The process that measured it died or took too long."""


class FindingKind(StrEnum):
    """What was found: a linter's remark, a note somebody left, or what may be a secret."""

    LINT = "lint"
    TODO = "todo"
    SECRET = "secret"  # noqa: S105 - a word, not a secret


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One remark about one line (from 1). `rule`: ruff's code, the marker word, or the kind of secret."""

    kind: FindingKind
    line: int
    rule: str
    message: str


class FunctionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One function. `complexity`: cyclomatic (McCabe), at least 1. `lines`: from first to last line."""

    name: str
    line: int
    lines: int
    params: int
    complexity: int


class FileFigures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The counts of one file. `lines` = code + comments + blanks; docstrings are code.

    `functions`, `lint`, `todos`, `secrets`: how many there are, however many are listed elsewhere.
    """

    lines: int = 0
    code: int = 0
    comments: int = 0
    blanks: int = 0
    functions: int = 0
    worst_complexity: int = 0
    lint: int = 0
    todos: int = 0
    secrets: int = 0

    @property
    def findings(self) -> int:
        """Remarks of all kinds."""
        return self.lint + self.todos + self.secrets


class FileReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file, analysed. `reason`: `problem` in words. `notes`: what could not be measured, and why.

    `functions`: hottest first; `findings`: by line. Both lists are bounded; the counts in `figures` are not.
    """

    path: str
    language: str = ""
    size_bytes: int = 0
    sha256: str = ""
    encoding: str = ""
    figures: FileFigures = FileFigures()
    functions: tuple[FunctionFigures, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: Problem = Problem.NONE
    reason: str = ""
    notes: tuple[str, ...] = ()


class TaskReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one task found: `tasks/<id>/<fence>/report.json`."""

    files: tuple[FileReport, ...]
    notes: tuple[str, ...] = ()
    schema: int = 1


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """One function in its place, with its hotness."""

    path: str
    function: FunctionFigures
    hotness: float


class FileRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the table of files. `worst`: name of the hottest function, "" = none."""

    path: str
    language: str = ""
    size_bytes: int = 0
    figures: FileFigures = FileFigures()
    worst: str = ""
    problem: Problem = Problem.NONE
    reason: str = ""


class LocatedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding and the file it is in."""

    path: str
    finding: Finding


class LanguageTotal(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one language."""

    language: str
    files: int
    size_bytes: int
    figures: FileFigures


class FailedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A task of the run that brought no report. `state`: the task's. `reason`: its error."""

    title: str
    state: str
    reason: str


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run. `files` counts all that were looked at, `problems` those among them without figures."""

    files: int = 0
    problems: int = 0
    size_bytes: int = 0
    figures: FileFigures = FileFigures()
    tasks: int = 0
    failed_tasks: int = 0


class RunReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole run: `runs/<run>/report.json`, and all that a table of it needs.

    `spots`: the ten hottest functions, hottest first. `languages`: most code first. `files`: by path.
    `findings`: secrets, then lint, then notes, each by path and line. `rules`: how often each occurs among
    those the tasks listed. `files_left_out`, `findings_left_out`: how many there are beyond these lists.
    `markdown`: name of the report for people, beneath the data folder.
    """

    run: str
    prompt: str
    markdown: str
    totals: Totals
    spots: tuple[Spot, ...] = ()
    languages: tuple[LanguageTotal, ...] = ()
    files: tuple[FileRow, ...] = ()
    files_left_out: int = 0
    findings: tuple[LocatedFinding, ...] = ()
    findings_left_out: int = 0
    rules: dict[str, int] = {}
    failed: tuple[FailedPart, ...] = ()
    notes: tuple[str, ...] = ()
    schema: int = 1


def hotness(complexity: int, lines: int) -> float:
    """Rank a function by how much there is to get wrong in it: (complexity - 1) * sqrt(lines), one decimal.

    `complexity - 1` is the number of decisions: a function without any is never hot, however long its list of
    plain statements. Length counts by its root: twice as long is harder, and not twice as hard.
    """
    return round((complexity - 1) * math.sqrt(max(lines, 1)), 1)


def add_figures(left: FileFigures, right: FileFigures) -> FileFigures:
    """Add counts; `worst_complexity` is the greater one."""
    sums = {name: getattr(left, name) + getattr(right, name) for name in FileFigures.__struct_fields__}
    sums["worst_complexity"] = max(left.worst_complexity, right.worst_complexity)
    return FileFigures(**sums)


def shown_path(path: str) -> str:
    """Turn a record's path into one printable line."""
    return printable(restored(path))


def read_run_report(path: Path) -> RunReport:
    """Read a run's `report.json`. Raises InputError when it is missing, or is not one."""
    try:
        data = b"".join(read_windows(path.parent, path.name, RUN_REPORT_MAX_BYTES))
        return from_json(data, RunReport)
    except (FileRefused, PathOutside, OSError) as error:
        raise InputError("report", f"{path} cannot be read: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("report", f"{path} is no report of a run: {error}; run it again") from error
