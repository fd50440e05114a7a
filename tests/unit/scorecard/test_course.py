"""The order of fleets: turns, starts, singles; and the workload's files that the simulated models know."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ezaigents.optimize import SWITCHES
from ezaigents.scorecard import workspace
from ezaigents.scorecard.course import ALL_OFF, ALL_ON, course_of
from ezaigents.scorecard.samples import FULL, QUICK
from ezaigents.scorecard.tasks import CHANGE, LOOK
from ezaigents.simulate import read_rules


def test_the_two_take_turns_and_each_switch_is_off_alone() -> None:
    """Everything off means every switch there is."""
    stops = course_of(FULL)
    names = [stop.profile for stop in stops]
    assert names[: 2 * FULL.repeats] == [ALL_OFF, ALL_ON] * FULL.repeats
    assert [profile.off for profile in names[2 * FULL.repeats :]] == [(switch.name,) for switch in SWITCHES]
    assert ALL_OFF.off == tuple(switch.name for switch in SWITCHES)
    assert ALL_ON.off == ()


def test_a_quick_one_starts_three_of_each_all_the_same() -> None:
    """The other starts measure nothing else."""
    stops = course_of(QUICK)
    for profile in (ALL_OFF, ALL_ON):
        mine = [stop.only_start for stop in stops if stop.profile == profile]
        assert mine == [False, True, True]
    assert not any(stop.tab for stop in stops)


def test_both_fit_their_time() -> None:
    """By the guesses alone."""
    for sizes in (FULL, QUICK):
        assert sum(stop.guess_s for stop in course_of(sizes)) < sizes.most_s


def test_the_rules_are_about_the_files_that_are_written(tmp_path: Path) -> None:
    """Each prompt has a rule, and what a rule exchanges stands in the file."""
    workspace.write_workspace(tmp_path / "work")
    path = Path(workspace.__file__).with_name("workload.toml")
    assert len(read_rules([path]).rule) == 2
    rules = tomllib.loads(path.read_text("utf-8"))["rule"]
    assert LOOK.startswith(rules[0]["match"].removeprefix("^"))
    assert CHANGE.startswith(rules[1]["match"].removeprefix("^"))
    calls = [call for rule in rules for step in rule["steps"] for call in step.get("calls", ())]
    (edit,) = [call["arguments"] for call in calls if call["name"] == "edit"]
    assert edit["edits"][0]["old"] in (tmp_path / "work" / edit["path"]).read_text("utf-8")
