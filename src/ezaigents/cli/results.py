"""The results of a run for people. Job: which tables, how much of them. Not its job: figures, drawing (show)."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from ezaigents.agents.local import FileRow, FindingKind, Problem, RunReport, read_run_report, shown_path
from ezaigents.cli.rows import lasted, one_line, state_words
from ezaigents.cli.show import Column, show_line, show_table
from ezaigents.codec import counted, printable
from ezaigents.errors import InputError
from ezaigents.records import PatchState, Run, Task, TaskState

_FILES_DRAWN = 40
_FILES_PLAIN = 40
_FAILED_SHOWN = 20
_TASKS_SHOWN = 100
_REPORTS_SHOWN = 5


def show_results(run: Run, tasks: Sequence[Task], home: Path) -> None:
    """Print what a run found, what failed, and where the whole report lies."""
    report = _report_of(run, tasks, home)
    if report is not None:
        _show_files(report)
        _show_spots(report)
        _show_findings(report)
    else:
        _show_tasks(tasks)
        _show_work(tasks, home)
    _show_failed(tasks)
    show_line(_last_line(run, tasks))
    for line in _what_next(run, tasks) if report is None else ():
        show_line(line)
    if report is not None:
        show_line(f"Full report: {home / report.markdown}")


def _report_of(run: Run, tasks: Sequence[Task], home: Path) -> RunReport | None:
    """The analyst's report of the run, when it made one."""
    summary = next((task for task in tasks if task.id == run.summary_task), None)
    if summary is None or summary.state is not TaskState.DONE or not summary.report:
        return None
    try:
        return read_run_report((home / summary.report).with_suffix(".json"))
    except InputError:
        return None


def _show_files(report: RunReport) -> None:
    most = _FILES_DRAWN if sys.stdout.isatty() else _FILES_PLAIN
    chosen = set(sorted(report.files, key=_most_to_say_first)[:most])
    rows = [row for row in report.files if row in chosen]
    beneath = _shared_folder([row.path for row in rows]) if sys.stdout.isatty() else ""
    columns = [
        Column("File", path=True),
        Column("Language"),
        Column("Lines", right=True),
        Column("Functions", right=True),
        Column("Complexity", right=True),
        Column("Hottest", text=True),
        Column("Findings", right=True),
    ]
    title = f"Files in {shown_path(beneath)}" if beneath else "Files"
    show_table(columns, [_file_cells(row, beneath) for row in rows], title=title)
    left = report.totals.files - len(rows)
    if left > 0:
        show_line(f"… and {left:,} more in the report (shown: those with the most complex functions)")
    show_line()


def _most_to_say_first(row: FileRow) -> tuple[bool, int, int, str]:
    has_problem = row.problem is not Problem.NONE
    return (not has_problem, -row.figures.worst_complexity, -row.figures.lines, row.path)


def _shared_folder(paths: Sequence[str]) -> str:
    """The folder all the paths lie in, with its slash; "" for the workspace itself."""
    folders = [path.rpartition("/")[0].split("/") for path in paths]
    if not folders:
        return ""
    first, last = min(folders), max(folders)
    shared = [a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))]
    return "".join(f"{part}/" for part in shared if part)


def _file_cells(row: FileRow, beneath: str) -> list[str]:
    path = shown_path(row.path.removeprefix(beneath))
    if row.problem is not Problem.NONE:
        return [path, row.language, "", "", "", printable(row.reason), ""]
    figures = row.figures
    return [
        path,
        row.language,
        f"{figures.lines:,}",
        f"{figures.functions:,}",
        str(figures.worst_complexity or ""),
        row.worst,
        f"{figures.findings:,}",
    ]


def _show_spots(report: RunReport) -> None:
    if not report.spots:
        return
    columns = [
        Column("#", right=True),
        Column("Function", text=True),
        Column("Where", path=True),
        Column("Complexity", right=True),
        Column("Lines", right=True),
        Column("Heat", right=True),
    ]
    rows = [
        [
            str(number),
            spot.function.name,
            f"{shown_path(spot.path)}:{spot.function.line}",
            str(spot.function.complexity),
            str(spot.function.lines),
            f"{spot.hotness:g}",
        ]
        for number, spot in enumerate(report.spots, 1)
    ]
    show_table(columns, rows, title=f"The {len(rows)} hottest spots" if len(rows) > 1 else "The hottest spot")
    show_line()


def _show_findings(report: RunReport) -> None:
    """How many of each kind; what a possible secret looks like is never shown, only where it is."""
    figures = report.totals.figures
    words = {
        "possible secrets": figures.secrets,
        "lint": figures.lint,
        "TODO and FIXME": figures.todos,
    }
    show_line(f"Findings: {', '.join(f'{number:,} {word}' for word, number in words.items() if number) or 'none'}")
    for found in [found for found in report.findings if found.finding.kind is FindingKind.SECRET][:10]:
        show_line(f"  possible secret: {shown_path(found.path)}:{found.finding.line} ({printable(found.finding.rule)})")


def _show_tasks(tasks: Sequence[Task]) -> None:
    columns = [
        Column("Task"),
        Column("State"),
        Column("Patch"),
        Column("Agent"),
        Column("Path", path=True),
        Column("Summary", text=True),
    ]
    shown = tasks[:_TASKS_SHOWN]
    rows = [[task.id, state_words(task), _patch_word(task), task.agent, task.title, one_line(task)] for task in shown]
    show_table(columns, rows, title="Tasks")
    if len(tasks) > len(shown):
        show_line(f"… and {len(tasks) - len(shown):,} more; `ez tasks --run {tasks[0].run}` lists them")
    show_line()


def _patch_word(task: Task) -> str:
    return task.patch_state.value if task.patch_state is not PatchState.NONE else ""


def _show_work(tasks: Sequence[Task], home: Path) -> None:
    """What the models did for it, and where it can be read."""
    calls, tokens, cost = (sum(getattr(task, name) for task in tasks) for name in ("calls", "tokens", "cost_microusd"))
    if calls:
        simulated = ", simulated: nothing was paid" if any(task.simulated for task in tasks) else ""
        show_line(f"{counted(calls, 'model call')}, {counted(tokens, 'token')}, ${cost / 1e6:,.6f}{simulated}")
    for task in [task for task in tasks if task.report][:_REPORTS_SHOWN]:
        show_line(f"Report: {home / task.report}")


def _what_next(run: Run, tasks: Sequence[Task]) -> list[str]:
    """What to type now."""
    of = {state: [task for task in tasks if task.patch_state is state] for state in PatchState}
    name = tasks[0].id if len(tasks) == 1 else run.id
    lines = []
    if of[PatchState.PROPOSED]:
        lines.append(
            f"Proposed: `ez show --diff {name}` prints the patch, `ez apply {name}` puts it into the workspace"
        )
    if of[PatchState.CONFLICT]:
        lines.append(f"In conflict: `ez show {name}` says with what; `ez apply --merge {name}` or `ez retry {name}`")
    if any(task.partial for task in tasks):
        lines.append(f"Partial: `ez retry {name}` goes on where it stopped, once what stopped it is gone")
    return lines


def _show_failed(tasks: Sequence[Task]) -> None:
    failed = [task for task in tasks if task.state.terminal and task.state is not TaskState.DONE]
    for task in failed[:_FAILED_SHOWN]:
        show_line(f"{task.state.value}: {printable(task.title)}: {one_line(task) or 'no reason was given'} ({task.id})")
    if len(failed) > _FAILED_SHOWN:
        show_line(f"… and {len(failed) - _FAILED_SHOWN:,} more that did not succeed")


def _last_line(run: Run, tasks: Sequence[Task]) -> str:
    numbers: dict[str, int] = {}
    for task in tasks:
        numbers[task.state.value] = numbers.get(task.state.value, 0) + 1
    words = ", ".join(f"{number:,} {state}" for state, number in numbers.items())
    took = lasted(run.accepted_ms, max((task.ended_ms for task in tasks), default=0))
    return f"Run {run.id}: {words}" + (f" in {took}" if took else "")
