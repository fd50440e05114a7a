"""Adding up a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.integration.local.desk import Desk, ended

from ezaigents.agents.local import LocalAnalyst, read_run_report
from ezaigents.errors import InputError
from ezaigents.records import Result, TaskState

HOT = "def hot(a, b, c):\n" + "    if a and b:\n        return c\n" * 5 + "    return None\n"
MILD = "def mild(a):\n    return 1 if a else 2\n# FIXME: <b>bold</b> | pipe\n"


def run_all(desk: Desk) -> Result:
    async def work(analyst: LocalAnalyst) -> Result:
        first = await desk.analyse(analyst, [desk.write("src/hot.py", HOT), "gone.py"])
        second = await desk.analyse(analyst, [desk.write("web/mild|`.py", MILD)])
        odd = os.fsdecode(b"bad\xff.js")
        third = await desk.analyse(analyst, [desk.write(odd, "function f() { return 1 }\n")])
        return await desk.summarize(
            analyst,
            [
                ended("src", report=first.report),
                ended("web", report=second.report),
                ended("odd", report=third.report),
                ended("dead one", TaskState.DEAD, error="x.py: no such file"),
                ended("cancelled one", TaskState.CANCELLED),
                ended("lost one", report="tasks/t9/1/report.json"),
                ended("evil one", report="../repo/src/hot.py"),
            ],
        )

    return desk.use(work)


def test_the_whole_run_is_added_up(desk: Desk) -> None:
    """The summary names totals and the hottest spot; the report ranks, sums and lists failures."""
    result = run_all(desk)
    assert result.report == "runs/r1/report.md"
    assert result.summary.startswith("4 files, 16 lines, 3 functions, ")
    assert "1 file not analysed, 4 tasks failed; hottest: hot (src/hot.py:1), complexity 11" in result.summary
    report = read_run_report(desk.settings.home_path / "runs" / "r1" / "report.json")
    assert [spot.function.name for spot in report.spots] == ["hot", "mild"]
    assert [(total.language, total.files) for total in report.languages] == [("Python", 2), ("JavaScript", 1)]
    assert [(part.title, part.state) for part in report.failed] == [
        ("dead one", "dead"),
        ("cancelled one", "cancelled"),
        ("lost one", "done"),
        ("evil one", "done"),
    ]
    assert report.failed[0].reason == "x.py: no such file"
    assert report.totals.tasks == 7
    assert report.markdown == result.report
    assert report.rules["FIXME"] == 1


def test_markdown_shows_and_never_acts(desk: Desk) -> None:
    """Names and texts from files are escaped: tables keep their columns, nothing becomes markup."""
    text = (desk.settings.home_path / run_all(desk).report).read_text()
    assert "> Where are \\| the \\<hot\\> spots?" in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "`web/mild\\|'.py`" in text
    assert "bad\\udcff.js" in text
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1


def test_a_damaged_report_fails_its_part_only(desk: Desk) -> None:
    """A task's report that is no report is listed as failed, and the others are added up."""

    async def work(analyst: LocalAnalyst) -> Result:
        good = await desk.analyse(analyst, [desk.write("a.py", MILD)])
        (desk.settings.home_path / "broken.json").write_bytes(b'{"files": [{"path": "\xff')
        return await desk.summarize(analyst, [ended("good", report=good.report), ended("broken", report="broken.json")])

    assert desk.use(work).summary.startswith("1 file, 3 lines, 1 function, 1 finding, 1 task failed")


def test_a_run_without_functions_has_no_spots(desk: Desk) -> None:
    """A run over data alone is added up without a hottest spot."""

    async def work(analyst: LocalAnalyst) -> Result:
        only = await desk.analyse(analyst, [desk.write("a.json", "{}\n")])
        return await desk.summarize(analyst, [ended("data", report=only.report)])

    assert desk.use(work).summary == "1 file, 1 line, 0 functions, 0 findings"


def test_reading_what_is_no_report(tmp_path: Path) -> None:
    """A missing or foreign file is refused as input, with its path."""
    (tmp_path / "x.json").write_text("[]")
    for name in ("x.json", "gone.json"):
        with pytest.raises(InputError, match=name):
            read_run_report(tmp_path / name)
