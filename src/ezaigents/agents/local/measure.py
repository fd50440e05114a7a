"""Measuring one file: its figures, its hottest functions, its notes and possible secrets.

Job: runs in the child process. Not its job: lint (lint), many files (analyst).
One pass over the file in windows; only files of up to 1 MB are held whole, because lizard needs the text.
Source: lizard 1.17 to 1.24 (github.com/terryyin/lizard) for functions and cyclomatic complexity.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ezaigents.agents.local.figures import (
    FileFigures,
    FileReport,
    Finding,
    FindingKind,
    FunctionFigures,
    Problem,
    hotness,
)
from ezaigents.agents.local.languages import Language, language_of, name_for_lizard
from ezaigents.agents.local.leaks import find_leaks, hide_leaks
from ezaigents.agents.local.lines import LineCounter, LineCutter
from ezaigents.agents.local.protocol import Looked
from ezaigents.codec import printable, storable
from ezaigents.policy import clip_bytes
from ezaigents.workspace import (
    Encoding,
    FileMissing,
    FileRefused,
    FileTooLarge,
    NotRegular,
    PathOutside,
    Sniffer,
    Windows,
    human_size,
    read_windows,
)

FUNCTIONS_LIMIT_BYTES = 1024 * 1024
"""Above this lizard's tokens alone would take hundreds of megabytes; such files are generated, or data."""
FUNCTIONS_LISTED = 200
FINDINGS_LISTED = 100
TEXT_MAX_BYTES = 200
_MARK = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b[:\s-]*(.*)")


class Reader(Protocol):
    """Opens a file beneath a root: in windows, or whole."""

    def __call__(self, root: str, relative: str, limit_bytes: int, *, hidden: Path | None = None) -> Windows: ...


class _TooSlow(Exception):
    """lizard used up its time on one file."""


def measure_file(
    root: str,
    path: str,
    limit_bytes: int,
    *,
    hidden: Path | None = None,
    time_limit_s: float = 10.0,
    read: Reader = read_windows,
) -> FileReport:
    """Measure a file beneath `root`; what is wrong with it is in the report, nothing is raised for it.

    `hidden`: the data folder. `read`: how it is opened. `time_limit_s`: processor time that looking for functions may
    take.
    """
    language = language_of(path)
    sniffer = Sniffer()
    scan = _Scan(language)
    kept: list[bytes] = []
    try:
        windows = read(root, path, limit_bytes, hidden=hidden)
        for window in windows:
            sniffer.feed(window)
            if sniffer.encoding is not Encoding.BINARY:
                scan.feed(window, sniffer.codec)
                if windows.size_bytes <= FUNCTIONS_LIMIT_BYTES:
                    kept.append(window)
        encoding = sniffer.finish()
    except (FileRefused, PathOutside) as error:
        return _refused(path, language, error)
    known = FileReport(
        path=storable(path),
        language=language.name,
        size_bytes=windows.size_bytes,
        sha256=windows.sha256,
        encoding=encoding.value,
    )
    if encoding is Encoding.BINARY:
        return _changed(
            known,
            problem=Problem.BINARY,
            reason=f"binary file, {human_size(windows.size_bytes)}, not analysed",
        )
    scan.finish()
    functions: list[FunctionFigures] = []
    notes: list[str] = []
    if encoding is Encoding.UNDECODABLE:
        notes.append("text in an unknown encoding; the bytes that do not decode were passed over")
    if language.has_functions and windows.size_bytes > FUNCTIONS_LIMIT_BYTES:
        notes.append(f"functions not measured: larger than {human_size(FUNCTIONS_LIMIT_BYTES)}")
    elif language.has_functions:
        text = b"".join(kept).decode(sniffer.codec, "surrogateescape").removeprefix("\ufeff")
        kept.clear()
        functions, trouble = _functions_of(path, text, time_limit_s)
        notes.extend(trouble)
    return _changed(
        known,
        figures=scan.figures(functions),
        functions=tuple(functions[:FUNCTIONS_LISTED]),
        findings=tuple(scan.findings),
        notes=tuple(notes),
    )


def look_at(root: str, path: str, limit_bytes: int, *, hidden: Path | None = None) -> Looked:
    """Hash a file beneath `root`, or report what is wrong with it."""
    try:
        windows = read_windows(root, path, limit_bytes, hidden=hidden)
        for _ in windows:
            pass
    except (FileRefused, PathOutside) as error:
        return Looked(report=_refused(path, language_of(path), error))
    return Looked(sha256=windows.sha256)


def _changed(report: FileReport, **fields: object) -> FileReport:
    import msgspec

    return msgspec.structs.replace(report, **fields)


def _refused(path: str, language: Language, error: FileRefused | PathOutside) -> FileReport:
    problem = Problem.UNREADABLE
    size_bytes = 0
    if isinstance(error, PathOutside):
        problem = Problem.OUTSIDE
    elif isinstance(error, FileMissing):
        problem = Problem.MISSING
    elif isinstance(error, NotRegular):
        problem = Problem.NOT_REGULAR
    elif isinstance(error, FileTooLarge):
        problem = Problem.TOO_LARGE
        size_bytes = error.size_bytes
    return FileReport(
        path=storable(path),
        language=language.name,
        size_bytes=size_bytes,
        problem=problem,
        reason=printable(error.reason),
    )


class _Scan:
    """What can be told line by line."""

    def __init__(self, language: Language) -> None:
        self._counter = LineCounter(language)
        self._cutter: LineCutter | None = None
        self._line = 0
        self._todos = 0
        self._secrets = 0
        self.findings: list[Finding] = []

    def feed(self, window: bytes, codec: str) -> None:
        # Latin-1 shows only on the way; until then its bytes pass as escapes, which count the same.
        if self._cutter is None:
            self._cutter = LineCutter("utf-8" if codec == "latin-1" else codec)
        for line in self._cutter.feed(window):
            self._take(line)

    def finish(self) -> None:
        for line in self._cutter.finish() if self._cutter else ():
            self._take(line)

    def figures(self, functions: list[FunctionFigures]) -> FileFigures:
        return FileFigures(
            lines=self._line,
            code=self._counter.code,
            comments=self._counter.comments,
            blanks=self._counter.blanks,
            functions=len(functions),
            worst_complexity=max((function.complexity for function in functions), default=0),
            todos=self._todos,
            secrets=self._secrets,
        )

    def _take(self, line: str) -> None:
        self._line += 1
        self._counter.feed(line)
        for kind, message in find_leaks(line):
            self._secrets += 1
            self._note(FindingKind.SECRET, kind, message, self._secrets)
        mark = _MARK.search(line)
        if mark is not None:
            self._todos += 1
            # Hidden before it is cut: half a secret would not be recognised.
            whole = hide_leaks(line)[mark.start() :]
            again = _MARK.search(whole)
            text = again.group(2) if again is not None else ""
            self._note(FindingKind.TODO, mark.group(1), text.strip(" */#-") or "(no text)", self._todos)

    def _note(self, kind: FindingKind, rule: str, message: str, number: int) -> None:
        if number <= FINDINGS_LISTED:
            clipped = clip_bytes(printable(message), TEXT_MAX_BYTES)
            self.findings.append(Finding(kind=kind, line=self._line, rule=rule, message=clipped))


def _functions_of(path: str, text: str, time_limit_s: float) -> tuple[list[FunctionFigures], list[str]]:
    """Functions, hottest first, and why there are none if lizard could not cope."""
    import lizard

    try:
        with _processor_time(time_limit_s):
            found = lizard.analyze_file.analyze_source_code(name_for_lizard(path), text).function_list
    except _TooSlow:
        return [], [f"functions not measured: took over {time_limit_s:g} s of processor time"]
    except MemoryError:
        return [], ["functions not measured: would take too much memory"]
    except Exception as error:  # noqa: BLE001 - lizard raises whatever a strange file leads it to
        return [], [f"functions not measured: {type(error).__name__} in lizard"]
    functions = [
        FunctionFigures(
            name=clip_bytes(printable(str(item.name)), TEXT_MAX_BYTES),
            line=int(item.start_line),
            lines=max(1, int(item.end_line) - int(item.start_line) + 1),
            params=int(item.parameter_count),
            complexity=max(1, int(item.cyclomatic_complexity)),
        )
        for item in found
    ]
    functions.sort(key=lambda item: (-hotness(item.complexity, item.lines), item.line))
    return functions, []


@contextmanager
def _processor_time(limit_s: float) -> Iterator[None]:
    """Raise _TooSlow in the block once it has used `limit_s` of processor time; main thread only.

    Again after each further `limit_s`: what is raised in a finalizer or a callback of the collector goes nowhere.
    """

    def stop(_number: int, _frame: object) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit_s, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
