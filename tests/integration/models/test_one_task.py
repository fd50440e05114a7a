"""An agent with a model does a task: what comes of it, and what is written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.agents.model.journal import Answered, Asked, Began, Did, Ended, Meant
from ezaigents.patches import Applier
from ezaigents.records import PatchState, TaskState
from ezaigents.workspace import FileUnreadable

from .scene import EDIT, TEXT, at_work

pytestmark = pytest.mark.functional

_ALL = ["claude", "gpt", "deepseek", "mistral", "gemini"]


@pytest.mark.parametrize("agent", _ALL)
async def test_each_agent_hands_back_a_patch_through_its_own_dialect(tmp_path: Path, agent: str) -> None:
    """Each of the five does the same task, whatever wire form its provider speaks, and leaves the tree alone."""
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line", agent=agent)
        assert (task.state, task.summary) == (TaskState.DONE, "added a line")
        assert (task.calls, task.simulated, task.patch_state) == (3, True, PatchState.PROPOSED)
        assert task.cost_microusd > 0
        assert "+more" in scene.patch(task)
        assert scene.text() == TEXT
        dialects = {"claude": "messages", "gpt": "responses"}
        assert {call.dialect for call in scene.calls()} == {dialects.get(agent, "chat")}


async def test_apply_puts_the_patch_into_the_tree(tmp_path: Path) -> None:
    """A run that applies has its patch in the workspace when it is done."""
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line", apply=True)
        assert (task.state, task.patch_state) == (TaskState.DONE, PatchState.APPLIED)
        assert scene.text() == TEXT.replace("two\n", "two\nmore\n")


async def test_a_patch_that_cannot_be_applied_is_proposed_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that lets nothing be written costs no second attempt: the patch stays, and its summary says it."""

    async def refuses(*_: object, **__: object) -> None:
        raise FileUnreadable("a.txt", "read-only file system")

    monkeypatch.setattr(Applier, "apply_held", refuses)
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line", apply=True, max_attempts=3)
        assert (task.state, task.patch_state, task.attempts) == ("done", "proposed", 0)
        assert task.summary.startswith("not applied: ")
        assert "read-only file system" in task.summary


async def test_everything_is_in_the_journal_in_order(tmp_path: Path) -> None:
    """Each answer and each result is written down, a change is announced before it is made."""
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line")
        kinds = [type(record) for record in scene.journal(task) if not isinstance(record, Asked)]
        assert kinds == [Began, Answered, Did, Answered, Meant, Did, Answered, Did, Ended]


async def test_the_report_says_what_was_done_and_that_it_was_simulated(tmp_path: Path) -> None:
    """A report holds summary, evidence and cost, and never passes a simulator off as a model."""
    async with at_work(tmp_path) as scene:
        report = scene.report(await scene.do("please add a line"))
        for words in ("no model was asked", "added a line", "more", "3 model calls", "'a.txt'"):
            assert words in report


async def test_an_unscripted_prompt_gets_no_patch(tmp_path: Path) -> None:
    """A prompt for which nobody wrote a rule is answered as such, never with something plausible."""
    async with at_work(tmp_path) as scene:
        task = await scene.do("make it better")
        assert (task.summary, task.patch, task.simulated) == ("simulated: no rule", "", True)


@pytest.mark.parametrize("kind", ["analyze", "review"])
async def test_reading_kinds_have_no_tools_to_change_anything(tmp_path: Path, kind: str) -> None:
    """A task that is to report cannot change a file, whatever its model asks for."""
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line", kind=kind)
        assert task.patch == ""
        refused = [record for record in scene.journal(task) if isinstance(record, Did) and record.failed]
        assert any("no tool 'edit'" in record.text for record in refused)


async def test_conventions_of_the_workspace_are_told_nearest_first(tmp_path: Path) -> None:
    """AGENTS.md of the folder a task is about comes before that of the root; CLAUDE.md stands in for it."""
    workspace = tmp_path / "workspace"
    (workspace / "pkg").mkdir(parents=True)
    (workspace / "AGENTS.md").write_text("root rules")
    (workspace / "pkg" / "CLAUDE.md").write_text("package rules")
    (workspace / "pkg" / "b.txt").write_text("x")
    async with at_work(tmp_path) as scene:
        task = await scene.do("make it better", paths=("pkg/b.txt",))
        told = [record.text for record in scene.journal(task) if isinstance(record, Asked)]
        assert told[0].index("package rules") < told[0].index("root rules")


async def test_conventions_that_are_a_link_are_not_sent(tmp_path: Path) -> None:
    """AGENTS.md that leads to a file of secrets tells no model what is in there."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / ".env").write_text("TOKEN=canary-42\n")
    (workspace / "AGENTS.md").symlink_to(".env")
    async with at_work(tmp_path) as scene:
        task = await scene.do("make it better")
        assert "canary-42" not in repr(scene.journal(task))


async def test_pausing_a_provider_that_nobody_knows_harms_nobody(tmp_path: Path) -> None:
    """Another host may know it; here it is logged, and what can be paused is paused."""
    async with at_work(tmp_path, EDIT) as scene:
        await scene.client.queue.pause(["provider:nobody"])
        assert (await scene.do("please add a line")).state == "done"


async def test_what_a_user_writes_reaches_a_running_task_between_steps(tmp_path: Path) -> None:
    """A message to an agent is put to its model before the next step, with its sender on it."""
    slow = ["match=add,first_byte_s=0.3"]
    async with at_work(tmp_path, EDIT, faults=slow) as scene:
        task_id = await scene.hand_in("please add a line")
        await scene.client.operator.write_to("claude", "mind the style")
        task = await scene.ended(task_id)
        told = [record.text for record in scene.journal(task) if isinstance(record, Asked)]
        assert any("mind the style" in text and "user" in text for text in told)
