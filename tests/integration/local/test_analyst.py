"""Tasks of the analyst, with real children on real files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.local.desk import Desk

from ezaigents.agents import TaskFailed
from ezaigents.agents.local import FindingKind, LocalAnalyst, Problem
from ezaigents.records import Result, TaskKind

CODE = "import os\n\n\ndef f(a):\n    # TODO: more\n    return 1 if a else 2\n"
MB = 1024 * 1024


def test_a_portion_is_analysed(desk: Desk) -> None:
    """A task's files are measured and linted, the summary is one line, the report lies in the data folder."""
    paths = [desk.write("src/a.py", CODE), desk.write("src/b.js", "function g() { return 1 }\n")]
    result = desk.use(lambda analyst: desk.analyse(analyst, paths))
    assert result.report == "tasks/t1/1/report.json"
    assert result.summary == "2 files, 7 lines, 2 functions, worst complexity 2, 2 findings"
    first, second = desk.report(result).files
    assert [(f.kind, f.rule) for f in first.findings] == [
        (FindingKind.LINT, "F401"),
        (FindingKind.TODO, "TODO"),
    ]
    assert (first.path, first.language, second.language) == ("src/a.py", "Python", "JavaScript")


def test_one_bad_file_does_not_spoil_the_others(desk: Desk) -> None:
    """Among many files each bad one has its own result, and the task is done."""
    with (desk.root / "big.py").open("wb") as file:
        file.truncate(11 * MB)
    (desk.root / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    os.mkfifo(desk.root / "fifo")
    paths = [desk.write("a.py", CODE), "big.py", "picture.png", "fifo", "gone.py", "../../etc/passwd"]
    result = desk.use(lambda analyst: desk.analyse(analyst, paths))
    assert [file.problem for file in desk.report(result).files] == [
        Problem.NONE,
        Problem.TOO_LARGE,
        Problem.BINARY,
        Problem.NOT_REGULAR,
        Problem.MISSING,
        Problem.OUTSIDE,
    ]
    assert result.summary.endswith("5 files not analysed")


def test_too_large_and_binary_are_results(desk: Desk) -> None:
    """A task whose only file is too large, or binary, is done and says so."""
    with (desk.root / "big.py").open("wb") as file:
        file.truncate(11 * MB)
    (desk.root / "x.bin").write_bytes(b"\0" * 100)

    async def both(analyst: LocalAnalyst) -> list[Result]:
        return [await desk.analyse(analyst, ["big.py"]), await desk.analyse(analyst, ["x.bin"])]

    large, binary = desk.use(both)
    assert large.summary == "file too large: 11.0 MB (11,534,336 bytes), limit 10.0 MB (10,485,760 bytes)"
    assert binary.summary == "binary file, 100 bytes, not analysed"


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["gone.py"], "^gone.py: no such file$"),
        (["fifo"], "^fifo: not a file but a FIFO$"),
        (["../home"], "outside"),
        (["gone.py", "fifo"], "^none of 2 files could be read; the first: gone.py: no such file$"),
    ],
)
def test_nothing_to_read_fails_the_task(desk: Desk, paths: list[str], words: str) -> None:
    """A task none of whose files can be read fails with the reason, and trying again would not help."""
    os.mkfifo(desk.root / "fifo")
    with pytest.raises(TaskFailed, match=words) as caught:
        desk.use(lambda analyst: desk.analyse(analyst, paths))
    assert not caught.value.retryable


@pytest.mark.parametrize("name", ["new\nline.py", os.fsdecode(b"\xff\xfe.py"), "@at.py", "-dash.py"])
def test_odd_names(desk: Desk, name: str) -> None:
    """A file of any name is analysed, and its name does not act as an option."""
    desk.write(name, CODE)
    result = desk.use(lambda analyst: desk.analyse(analyst, [name]))
    assert desk.report(result).files[0].figures.functions == 1


def test_only_analysis_is_offered(desk: Desk) -> None:
    """A task of another kind is refused in words."""

    async def edit(analyst: LocalAnalyst) -> Result:
        return await analyst.run(desk.claim(["a.py"], TaskKind.EDIT), desk.context("t1"))

    with pytest.raises(TaskFailed, match="cannot edit"):
        desk.use(edit)


def test_secrets_are_in_no_report(desk: Desk) -> None:
    """A secret's value is nowhere in the data folder, whichever way its line was found."""
    value = "ghp_" + "q7RtY2pLx9WvB4nKz8MfJ3hD6sGcA1eUoTiX"
    generic = "Xk9#mQ2vL7!pR4w8"
    desk.write("ruff.toml", 'lint.select = ["ALL"]\n')
    lines = (
        f"# TODO: drop {value}",
        f'd = {{"{value}": 1, "{value}": 2}}',
        f'password = "{generic}"; s = {{"{generic}", "{generic}"}}',
    )
    desk.write("a.py", "\n".join(lines))
    result = desk.use(lambda analyst: desk.analyse(analyst, ["a.py"]))
    assert desk.report(result).files[0].figures.secrets == 4
    written = b"".join(path.read_bytes() for path in desk.settings.home_path.rglob("*") if path.is_file())
    assert value.encode() not in written
    assert generic.encode() not in written


def test_the_projects_ruff_rules_count(desk: Desk) -> None:
    """The workspace's own ruff configuration decides, and nothing is fixed or cached in the workspace."""
    desk.write("ruff.toml", 'fix = true\nunsafe-fixes = true\nlint.select = ["D100", "F401"]\n')
    desk.write("a.py", CODE)
    before = sorted(desk.root.rglob("*"))
    result = desk.use(lambda analyst: desk.analyse(analyst, ["a.py"]))
    assert [f.rule for f in desk.report(result).files[0].findings if f.kind is FindingKind.LINT] == [
        "D100",
        "F401",
    ]
    assert (desk.root / "a.py").read_text() == CODE
    assert sorted(desk.root.rglob("*")) == before


def test_broken_ruff_configuration_is_said(desk: Desk) -> None:
    """With a configuration ruff cannot read its default rules are used, and the report says so."""
    desk.write("ruff.toml", "not toml [\n")
    desk.write("a.py", CODE)
    report = desk.report(desk.use(lambda analyst: desk.analyse(analyst, ["a.py"])))
    assert [f.rule for f in report.files[0].findings if f.kind is FindingKind.LINT] == ["F401"]
    assert "default rules" in report.notes[0]


def test_same_content_is_measured_once(desk: Desk) -> None:
    """With a cache a copy is not measured again, an edited file is, and the path is always the right one."""

    class Shelf(dict[str, object]):
        def put(self, key: str, value: object, size_bytes: int, /) -> None:
            assert isinstance(value, bytes)
            assert len(value) == size_bytes
            self[key] = value

    shelf = Shelf()
    paths = [desk.write("a.py", CODE), desk.write("copy.py", CODE), desk.write("c.py", CODE + "x = 1\n")]
    files = desk.report(desk.use(lambda analyst: desk.analyse(analyst, paths), cache=shelf)).files
    assert [file.path for file in files] == paths
    assert [file.figures.lines for file in files] == [6, 6, 7]
    assert [file.figures.lint for file in files] == [1, 1, 1]
    assert len(shelf) == 2
    # What the shelf holds is what is answered: a marked entry comes back.
    for key, value in shelf.items():
        assert isinstance(value, bytes)
        shelf[key] = value.replace(b'"utf-8"', b'"marked"')
    again = desk.report(desk.use(lambda analyst: desk.analyse(analyst, paths), cache=shelf)).files
    assert {file.encoding for file in again} == {"marked"}


def test_a_full_disk_fails_the_attempt_only(desk: Desk) -> None:
    """When the report cannot be written the attempt fails, with the reason, and may be tried again."""
    desk.write("a.py", CODE)
    # A folder in the report's place stops root as well.
    (desk.settings.home_path / "tasks" / "t1" / "1" / "report.json").mkdir(parents=True)
    with pytest.raises(TaskFailed, match="could not be written") as caught:
        desk.use(lambda analyst: desk.analyse(analyst, ["a.py"]))
    assert caught.value.retryable
    assert [path.name for path in (desk.settings.home_path / "tasks" / "t1" / "1").iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("ezaigents.agents.local", "asyncio subprocess lizard pathspec pygments rich click shutil tempfile"),
        ("ezaigents.agents.local.analyst", "lizard pathspec pygments rich click shutil tempfile ctypes"),
        ("ezaigents.agents.local.child", "asyncio lizard pathspec rich click shutil tempfile"),
    ],
)
def test_imports_stay_light(module: str, banned: str) -> None:
    """Importing the room brings no heavy library into the host, nor asyncio into the child."""
    script = f"import sys, {module}; print(*sorted(set({banned!r}.split()) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30, cwd=Path("/")
    )
    assert done.stdout.strip() == ""
