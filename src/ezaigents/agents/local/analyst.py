"""The local analyst as the runtime sees it: one claim in, one report out.

Job: drive the children file by file, keep one bad file from spoiling the rest, write the task's report.
Not its job: measuring (measure) and adding up (summary), both in the child; which files there are (plan).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from ezaigents.agents import Context, TaskFailed
from ezaigents.agents.local.figures import (
    FileFigures,
    FileReport,
    FindingKind,
    Problem,
    TaskReport,
    add_figures,
)
from ezaigents.agents.local.languages import language_of
from ezaigents.agents.local.payload import Payload, Role, decode_payload
from ezaigents.agents.local.pool import ChildLost, ChildPool
from ezaigents.agents.local.protocol import (
    Lint,
    Linted,
    LintedFile,
    Look,
    Looked,
    Measure,
    Measured,
    Part,
    Summarize,
    Summarized,
)
from ezaigents.codec import counted, from_json, storable, to_json
from ezaigents.errors import InputError
from ezaigents.policy import clip_bytes
from ezaigents.records import Claim, Result, TaskKind
from ezaigents.settings import Settings
from ezaigents.workspace import write_whole

FILE_TIME_LIMIT_S = 120.0
"""Wall time for one file; the child's own limit is processor time, so this one is for a child that hangs."""
TASK_TIME_LIMIT_S = 300.0
"""Wall time for linting a portion, and for adding up a run."""
PROMPT_MAX_BYTES = 4096
"""What of the prompt is repeated in the run's report."""
_FATAL = frozenset({Problem.MISSING, Problem.UNREADABLE, Problem.NOT_REGULAR, Problem.OUTSIDE, Problem.STOPPED})
"""A task all of whose files have one of these problems has failed; too large and binary are results."""
_CACHE_VERSION = "local:1"


class Cache(Protocol):
    """Where analyses may be kept between tasks; losing any of them costs time only."""

    def get(self, key: str, /) -> object | None:
        """The value kept under `key`, None when there is none (any more)."""

    def put(self, key: str, value: object, size_bytes: int, /) -> None:
        """Keep a value that takes about `size_bytes` of memory."""


class LocalAnalyst:
    """Analyses files in child processes; implements `agents.Agent`. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        cache: Cache | None = None,
        *,
        children: int = 2,
        idle_s: float = 3.0,
        file_time_limit_s: float = FILE_TIME_LIMIT_S,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._file_time_limit_s = file_time_limit_s
        self.pool = ChildPool(os.environ, children, idle_s)

    async def run(self, claim: Claim, context: Context) -> Result:
        """Analyse the claim's files, or add up its run. Raises TaskFailed."""
        if claim.kind is not TaskKind.ANALYZE:
            raise TaskFailed(f"the local analyst cannot {claim.kind.value}; give it --kind analyze")
        try:
            payload = decode_payload(self._settings.home_path, claim.payload)
        except InputError as error:
            raise TaskFailed(str(error)) from error
        try:
            if payload.role is Role.SUMMARY:
                return await self._summarize(claim, context)
            return await self._analyse(payload, context)
        except OSError as error:
            raise TaskFailed(f"the report could not be written: {error}", retryable=True) from error

    async def close(self) -> None:
        """End the children."""
        await self.pool.close()

    async def _analyse(self, payload: Payload, context: Context) -> Result:
        root = str(context.workspace)
        reports: list[FileReport] = []
        for name in payload.paths:
            if reports:
                await context.checkpoint()
            reports.append(await self._measured(root, name))
        _refuse_if_nothing_was_read(reports)
        reports, notes = await self._linted(root, reports)
        path = context.task_folder() / "report.json"
        data = to_json(TaskReport(files=tuple(reports), notes=notes)) + b"\n"
        await asyncio.to_thread(write_whole, path, data)
        return Result(summary=_summary(reports), report=str(path.relative_to(self._settings.home_path)))

    async def _measured(self, root: str, path: str) -> FileReport:
        try:
            if self._cache is None:
                return (await self._measure(root, path)).report
            return await self._cached(self._cache, root, path)
        except ChildLost as error:
            return FileReport(
                path=storable(path),
                language=language_of(path).name,
                problem=Problem.STOPPED,
                reason=f"not analysed: {error}",
            )

    async def _measure(self, root: str, path: str) -> Measured:
        request = Measure(
            root=storable(root),
            path=storable(path),
            limit_bytes=self._settings.file_limit_bytes,
            hidden=storable(self._settings.home),
            whole=self._settings.memory == "plain",
        )
        reply = await self.pool.ask(request, time_limit_s=self._file_time_limit_s)
        if not isinstance(reply, Measured):
            raise ChildLost("its answer was to another question")
        return reply

    async def _cached(self, cache: Cache, root: str, path: str) -> FileReport:
        """Look up the content's hash first: a copy, or a file that did not change, is measured once."""
        request = Look(
            root=storable(root),
            path=storable(path),
            limit_bytes=self._settings.file_limit_bytes,
            hidden=storable(self._settings.home),
        )
        looked = await self.pool.ask(request, time_limit_s=self._file_time_limit_s)
        if isinstance(looked, Looked) and looked.report is not None:
            return looked.report
        if isinstance(looked, Looked):
            known = cache.get(_key(looked.sha256, path))
            if isinstance(known, bytes):
                return msgspec.structs.replace(from_json(known, FileReport), path=storable(path))
        report = (await self._measure(root, path)).report
        if report.sha256 and report.problem is Problem.NONE:
            kept = to_json(report)
            cache.put(_key(report.sha256, path), kept, len(kept))
        return report

    async def _linted(self, root: str, reports: Sequence[FileReport]) -> tuple[list[FileReport], tuple[str, ...]]:
        paths = tuple(
            report.path for report in reports if report.problem is Problem.NONE and report.language == "Python"
        )
        if not paths:
            return list(reports), ()
        try:
            request = Lint(root=storable(root), paths=paths)
            reply = await self.pool.ask(request, time_limit_s=TASK_TIME_LIMIT_S)
        except ChildLost as error:
            return list(reports), (f"lint findings are missing: {error}",)
        if not isinstance(reply, Linted):
            return list(reports), ("lint findings are missing",)
        by_path = {file.path: file for file in reply.files}
        merged = [_with_lint(report, by_path.get(report.path)) for report in reports]
        return merged, (reply.note,) if reply.note else ()

    async def _summarize(self, claim: Claim, context: Context) -> Result:
        parts = tuple(
            Part(title=task.title, state=task.state.value, error=task.error or task.summary, report=task.report)
            for task in await context.parents()
        )
        request = Summarize(
            home=storable(self._settings.home),
            run=claim.run,
            prompt=clip_bytes(await context.prompt(), PROMPT_MAX_BYTES),
            parts=parts,
        )
        try:
            reply = await self.pool.ask(request, time_limit_s=TASK_TIME_LIMIT_S)
        except ChildLost as error:
            raise TaskFailed(f"the run could not be added up: {error}", retryable=True) from error
        if not isinstance(reply, Summarized) or reply.error:
            reason = reply.error if isinstance(reply, Summarized) else "an answer to another question"
            raise TaskFailed(f"the run could not be added up: {reason}", retryable=True)
        return Result(summary=reply.summary, report=reply.report)


def _key(sha256: str, path: str) -> str:
    return f"{_CACHE_VERSION}:{language_of(path).name}:{sha256}"


def _refuse_if_nothing_was_read(reports: Sequence[FileReport]) -> None:
    if any(report.problem not in _FATAL for report in reports):
        return
    first = reports[0]
    reason = f"{first.path}: {first.reason}"
    if len(reports) > 1:
        reason = f"none of {len(reports)} files could be read; the first: {reason}"
    raise TaskFailed(reason, retryable=all(report.problem is Problem.STOPPED for report in reports))


def _with_lint(report: FileReport, lint: LintedFile | None) -> FileReport:
    if lint is None:
        return report
    secret_lines = {finding.line for finding in report.findings if finding.kind is FindingKind.SECRET}
    remarks = [
        # ruff may quote the line.
        msgspec.structs.replace(remark, message="(not shown: the line may hold a secret)")
        if remark.line in secret_lines
        else remark
        for remark in lint.findings
    ]
    findings = sorted((*report.findings, *remarks), key=lambda finding: finding.line)
    figures = msgspec.structs.replace(report.figures, lint=lint.count)
    return msgspec.structs.replace(report, findings=tuple(findings), figures=figures)


def _summary(reports: Sequence[FileReport]) -> str:
    """One line: what was found, or what is wrong when it is about one file."""
    if len(reports) == 1 and reports[0].problem is not Problem.NONE:
        return reports[0].reason
    total = FileFigures()
    for report in reports:
        total = add_figures(total, report.figures)
    words = [
        counted(len(reports), "file"),
        counted(total.lines, "line"),
        counted(total.functions, "function"),
    ]
    if total.functions:
        words.append(f"worst complexity {total.worst_complexity}")
    words.append(counted(total.findings, "finding"))
    problems = sum(report.problem is not Problem.NONE for report in reports)
    if problems:
        words.append(f"{counted(problems, 'file')} not analysed")
    return ", ".join(words)


def read_task_report(path: Path) -> TaskReport:
    """Read the report of one task. Raises OSError, or msgspec.DecodeError when it is not one."""
    return from_json(path.read_bytes(), TaskReport)
