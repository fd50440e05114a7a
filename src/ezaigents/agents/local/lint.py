"""ruff's remarks on Python files, where ruff is installed.

Job: run it so that it changes nothing, and bound what it says. Not its job: choosing rules: the project's own
configuration counts, as ruff finds it; ruff runs no code of a project, so reading it is safe.
Source: docs.astral.sh/ruff, command line and configuration (read 2026-11).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ezaigents.agents.local.figures import Finding, FindingKind
from ezaigents.agents.local.leaks import hide_leaks
from ezaigents.agents.local.protocol import Linted, LintedFile
from ezaigents.codec import printable, restored
from ezaigents.policy import clip_bytes

LISTED_PER_FILE = 50
MESSAGE_MAX_BYTES = 200
_LINE_MAX_BYTES = 256 * 1024
# Whatever the configuration says: nothing is fixed, written or cached.
_FLAGS = ("check", "--quiet", "--exit-zero", "--no-fix", "--no-cache", "--output-format=json-lines")


class _Place(msgspec.Struct):
    row: int = 1


class _Remark(msgspec.Struct):
    filename: str
    message: str
    location: _Place | None = None
    code: str | None = None


def find_ruff(prefix: str, search_path: str) -> str:
    """Find ruff in `prefix`/bin (beside this Python), else on `search_path`; "" = none."""
    for folder in (Path(prefix) / "bin", *map(Path, search_path.split(os.pathsep))):
        program = folder / "ruff"
        # A relative folder would be looked up in a workspace, which may hold anything.
        if program.is_absolute() and program.is_file() and os.access(program, os.X_OK):
            return str(program)
    return ""


def lint_files(root: str, paths: Sequence[str], ruff: str) -> Linted:
    """Ask ruff about files beneath `root` (storable paths).

    Where the project's configuration is broken ruff's own rules are used. `note` says so, and when remarks
    are missing; nothing is raised for what ruff does, OSError when it cannot be started.
    """
    if not ruff:
        return Linted(files=(), note="no lint findings: ruff is not installed")
    real_root = os.path.realpath(root)
    wanted = {f"{real_root}/{restored(path)}": path for path in paths}
    # A name that is not UTF-8 would come back changed; a link could lead ruff out of the workspace.
    safe = {full: path for full, path in wanted.items() if _is_plain(full)}
    if not safe:
        return Linted(files=())
    code, files = _run(real_root, safe, ruff, ())
    if code == 0:
        return Linted(files=files)
    note = "ruff could not use this project's configuration; its default rules were used"
    if code > 0:
        code, files = _run(real_root, safe, ruff, ("--isolated",))
    if code != 0:
        note = f"lint findings are missing: ruff ended with {code}; try `ruff check` by hand"
    return Linted(files=files, note=note)


def _is_plain(full: str) -> bool:
    try:
        full.encode()
    except UnicodeEncodeError:
        return False
    return os.path.realpath(full) == full


def _run(root: str, wanted: dict[str, str], ruff: str, more: tuple[str, ...]) -> tuple[int, tuple[LintedFile, ...]]:
    import subprocess

    # Absolute names: one that begins with "@" or "-" would be read as something else.
    command = [ruff, *_FLAGS, *more, "--", *wanted]
    found: dict[str, list[Finding]] = {}
    counts: dict[str, int] = {}
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        while line := process.stdout.readline(_LINE_MAX_BYTES):
            for path, finding in _decoded(line, wanted):
                counts[path] = counts.get(path, 0) + 1
                if counts[path] <= LISTED_PER_FILE:
                    found.setdefault(path, []).append(finding)
        code = process.wait()
    files = tuple(LintedFile(path=path, count=counts[path], findings=tuple(found[path])) for path in sorted(counts))
    return code, files


def _decoded(line: bytes, wanted: dict[str, str]) -> Iterator[tuple[str, Finding]]:
    try:
        remark = msgspec.json.decode(line, type=_Remark)
    except msgspec.DecodeError:
        return  # longer than a line may be, and cut
    path = wanted.get(remark.filename)
    if path is None:
        return
    row = remark.location.row if remark.location is not None else 1
    message = clip_bytes(printable(hide_leaks(remark.message)), MESSAGE_MAX_BYTES)
    yield path, Finding(kind=FindingKind.LINT, line=row, rule=remark.code or "syntax", message=message)
