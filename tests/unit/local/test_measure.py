"""Measuring single files, in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.workspace.dropped import run_dropped

from ezaigents.agents.local import FindingKind, Problem, hotness
from ezaigents.agents.local.measure import FUNCTIONS_LIMIT_BYTES, measure_file

MB = 1024 * 1024
SAMPLES = {
    "a.py": "def f(a, b):\n    if a and b:\n        return 1\n    return 2\n",
    "a.js": "function f(a, b) {\n  if (a && b) { return 1; }\n  return 2;\n}\n",
    "a.ts": "function f(a: number, b: number): number {\n  if (a && b) { return 1; }\n  return 2;\n}\n",
    "A.java": "class A {\n int f(int a, int b) {\n  if (a > 0 && b > 0) { return 1; }\n  return 2;\n }\n}\n",
    "a.c": "int f(int a, int b) {\n  if (a && b) { return 1; }\n  return 2;\n}\n",
    "a.cpp": "int f(int a, int b) {\n  if (a && b) { return 1; }\n  return 2;\n}\n",
    "a.go": "package a\nfunc f(a int, b int) int {\n  if a > 0 && b > 0 { return 1 }\n  return 2\n}\n",
    "a.rs": "fn f(a: i32, b: i32) -> i32 {\n  if a > 0 && b > 0 { return 1; }\n  2\n}\n",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_functions_of_many_languages(tmp_path: Path, name: str) -> None:
    """A function's name, length, parameters and cyclomatic complexity are found in each main language."""
    (tmp_path / name).write_text(SAMPLES[name])
    report = measure_file(str(tmp_path), name, MB)
    assert report.figures.functions == 1
    function = report.functions[0]
    assert function.name.rpartition("::")[2] == "f"
    assert (function.params, function.complexity, function.lines) == (2, 3, 4)
    assert report.figures.worst_complexity == 3


def test_hottest_function_comes_first() -> None:
    """Decisions count in full, length by its square root, and a function without decisions is never hot."""
    assert hotness(1, 10_000) == 0
    assert hotness(11, 100) == 100.0
    assert hotness(11, 400) == 200.0


def test_notes_and_secrets(tmp_path: Path) -> None:
    """Notes and possible secrets are found with their line; a note does not repeat a secret beside it."""
    value = "AKIA" + "J4T7QX2MZ5RB8WKD"
    (tmp_path / "a.py").write_text(f"x = 1\n# TODO(me): remove {value} soon\n# XXXX no\n# fixme no\n# HACK\n")
    report = measure_file(str(tmp_path), "a.py", MB)
    assert [(f.kind, f.line, f.rule) for f in report.findings] == [
        (FindingKind.SECRET, 2, "AWS access key"),
        (FindingKind.TODO, 2, "TODO"),
        (FindingKind.TODO, 5, "HACK"),
    ]
    assert value not in str(report)
    assert (report.figures.secrets, report.figures.todos) == (1, 2)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("def f():\n    return 'ü'\n".encode("latin-1"), "latin-1"),
        ("def f():\n    return 'ü'\n".encode("utf-16"), "utf-16"),
        (b"\xef\xbb\xbfdef f():\r\n    return 1\r\n", "utf-8"),
        (b"def f():\n    return '\x93\xff'", "undecodable"),
    ],
)
def test_other_encodings_are_measured(tmp_path: Path, data: bytes, encoding: str) -> None:
    """Text that is not plain UTF-8 is measured like any other."""
    (tmp_path / "a.py").write_bytes(data)
    report = measure_file(str(tmp_path), "a.py", MB)
    assert (report.encoding, report.figures.lines, report.figures.functions) == (encoding, 2, 1)


def test_lone_surrogates_do_not_spoil_the_report(tmp_path: Path) -> None:
    """Bytes that decode to nothing leave a report that can be written as JSON."""
    from ezaigents.codec import to_json

    name = os.fsdecode(b"\xff.py")
    (tmp_path / name).write_bytes(b"def f\xff\xfe(): # TODO \xff\n  pass\n")
    assert to_json(measure_file(str(tmp_path), name, MB))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("gone", Problem.MISSING),
        ("fifo", Problem.NOT_REGULAR),
        ("sub", Problem.NOT_REGULAR),
        ("loop", Problem.UNREADABLE),
        ("../outside", Problem.OUTSIDE),
        ("home/token", Problem.OUTSIDE),
        ("big", Problem.TOO_LARGE),
        ("binary", Problem.BINARY),
    ],
)
def test_each_bad_file_has_its_problem(tmp_path: Path, name: str, problem: Problem) -> None:
    """What is wrong with a file is in its report, with a reason, and nothing is raised."""
    (tmp_path / "outside").touch()
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "home").mkdir()
    (root / "home" / "token").touch()
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    (root / "binary").write_bytes(b"\x7fELF\0\0")
    with (root / "big").open("wb") as file:
        file.truncate(11 * MB)
    report = measure_file(str(root), name, 10 * MB, hidden=root / "home")
    assert (report.problem, report.reason != "") == (problem, True)
    if problem is Problem.TOO_LARGE:
        assert report.reason.startswith("file too large: 11.0 MB")


def test_unreadable_file_has_its_problem(shared_folder: Path) -> None:
    """A file this user may not read is unreadable in the report."""
    (shared_folder / "a.py").write_text("x")
    (shared_folder / "a.py").chmod(0)
    script = """
try:
    open(path + "/a.py")
except PermissionError:
    print(measure_file(path, "a.py", 1000).problem)
"""
    assert run_dropped(script, shared_folder) == "unreadable"


def test_large_files_are_counted_only(tmp_path: Path) -> None:
    """Above the bound a file's functions are not measured, and the report says so."""
    text = "def f():\n    pass\n" * (FUNCTIONS_LIMIT_BYTES // 18 + 2)
    (tmp_path / "a.py").write_text(text)
    report = measure_file(str(tmp_path), "a.py", 10 * MB)
    assert report.figures.functions == 0
    assert report.figures.lines == text.count("\n")
    assert report.notes == ("functions not measured: larger than 1.0 MB",)


_IN_A_COLLECTION = """
import gc, signal, sys, time
from ezaigents.agents.local.measure import measure_file

spent = []

def dawdle(phase, info):
    if not spent and signal.getitimer(signal.ITIMER_PROF)[0]:
        spent.append(True)
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

gc.callbacks.append(dawdle)
report = measure_file(sys.argv[1], "a.py", 1 << 20, time_limit_s=0.02)
print(report.figures.lines, report.notes, len(spent))
"""


def test_slow_files_are_given_up(tmp_path: Path) -> None:
    """A file whose functions take too long keeps its other figures, even when the first alarm goes unheard."""
    (tmp_path / "a.py").write_text("def f():\n    return [1, 2, 3]\n" * 20_000)
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_COLLECTION, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "40000 ('functions not measured: took over 0.02 s of processor time',) 1"
