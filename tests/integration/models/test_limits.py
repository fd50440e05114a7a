"""Limits of a task: told, warned of, kept; money above all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.leaks import until

from ezaigents.agents.model.journal import Asked
from ezaigents.budget import set_price
from ezaigents.client import with_costs
from ezaigents.records import TaskState

from .scene import EDIT, at_work

_LOOK = '[[rule.steps]]\ncalls = [{{ name = "read", arguments = {{ path = "a.txt", offset_line = {n} }} }}]\n'
_LOOKING = '[[rule]]\nmatch = "look"\n' + "".join(_LOOK.format(n=number) for number in range(1, 40))


async def test_a_step_limit_ends_the_task_with_what_it_has(tmp_path: Path) -> None:
    """At the last step a task stops, is marked partial, and the user is told what to raise."""
    async with at_work(tmp_path, _LOOKING, task_steps=5) as scene:
        task = await scene.do("look around")
        assert (task.state, task.partial, task.calls) == (TaskState.DONE, True, 5)
        assert "task_steps" in task.summary
        assert len(scene.calls()) == 5


async def test_the_model_is_told_its_limits_and_warned_before_the_end(tmp_path: Path) -> None:
    """Limits are in the first turn, and at 80 % the model is told to come to an end, once."""
    async with at_work(tmp_path, _LOOKING, task_steps=5) as scene:
        task = await scene.do("look around")
        told = [record.text for record in scene.journal(task) if isinstance(record, Asked)]
        assert "at most 5 steps" in told[0]
        assert sum("call finish before the limit" in text for text in told) == 1


async def test_a_patch_that_is_only_partial_is_proposed_and_not_applied(tmp_path: Path) -> None:
    """What a limit cut short is handed back, and put into the tree by nobody but the user."""
    async with at_work(tmp_path, EDIT, task_steps=2) as scene:
        task = await scene.do("please add a line", apply=True)
        assert (task.partial, task.patch_state) == (True, "proposed")
        assert "more" not in scene.text()


@pytest.mark.parametrize("scope", ["budget_task_usd", "budget_agent_usd", "budget_day_usd", "budget_total_usd"])
async def test_a_call_that_no_budget_holds_is_never_sent(tmp_path: Path, scope: str) -> None:
    """With nothing left in any scope no call leaves; the user is told which limit, and how to raise it."""
    none: dict[str, Any] = {scope: 0.0}
    async with at_work(tmp_path, **none) as scene:
        task = await scene.do("please add a line")
        assert task.state is TaskState.DEAD
        assert scope in task.error
        assert scene.calls() == []


async def test_a_runs_own_budget_counts_for_all_its_calls(tmp_path: Path) -> None:
    """`--budget` ends a run before the call that would overrun it; what was spent is below it."""
    async with at_work(tmp_path, _LOOKING) as scene:
        task = await scene.do("look around", budget_microusd=25_000)
        assert 0 < task.cost_microusd <= 25_000
        assert "--budget" in (task.error or task.summary)


async def test_a_model_of_unknown_price_is_refused(tmp_path: Path) -> None:
    """What nobody knows the price of is not called, and the user is told how to say it."""
    agents = tmp_path / "config" / "agents"
    agents.mkdir(parents=True)
    (agents / "odd.md").write_text('+++\nname = "odd"\nmodel = "openai:never-heard-of"\n+++\nx\n')
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line", agent="odd", max_attempts=3)
        assert (task.state, task.attempts) == (TaskState.DEAD, 1)  # time does not help
        assert "ez prices set openai:never-heard-of" in task.error
        assert scene.calls() == []
        set_price(scene.settings, "openai:never-heard-of", {"input": 1, "output": 2})
        await scene.client.retry([task.id])
        again = await scene.ended(task.id)  # taken up without a restart
        assert (again.state, again.error) == (TaskState.DONE, "")
        assert again.cost_microusd > 0


async def test_what_a_stopped_task_cost_is_shown(tmp_path: Path) -> None:
    """A deadline, or a cancel, ends a task in mid-call: what its calls cost until then is in its journal, and shown."""
    slow = ["match=add,step=1,first_byte_s=30"]
    async with at_work(tmp_path, EDIT, faults=slow) as scene:
        task_id = await scene.hand_in("please add a line")
        await until(lambda: len(scene.calls()) == 2)
        await scene.client.cancel([task_id])
        task = await scene.ended(task_id)
        assert task.state is TaskState.CANCELLED
        shown = with_costs([task], scene.settings.home_path)[0]
        assert (shown.calls, shown.simulated) == (1, True)
        assert shown.cost_microusd > 0
