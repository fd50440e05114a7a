"""A conversation that nears its model's window is folded, and goes on."""

from __future__ import annotations

from pathlib import Path

from ezaigents.agents.model.journal import Answered, Folded
from ezaigents.records import TaskState

from .scene import at_work

_STEPS = 24


def _rules() -> str:
    reads = "".join(
        f'[[rule.steps]]\ncalls = [{{ name = "read", arguments = {{ path = "big{number}.txt" }} }}]\n'
        for number in range(_STEPS)
    )
    return f'[[rule]]\nmatch = "go"\n{reads}[[rule.steps]]\ntext = "all read"\n'


async def test_old_results_are_left_out_before_the_window_is_full(tmp_path: Path) -> None:
    """A task that reads far more than its model takes ends all the same; each call stays within the window."""
    window = 40_000
    tables = {"openai": {"models": {"small": {"window": window, "max_output": 4000}}}}
    prices = {"openai:small": {"input": 1.0, "output": 1.0}}
    agents = tmp_path / "config" / "agents"
    agents.mkdir(parents=True)
    (agents / "tiny.md").write_text('+++\nname = "tiny"\nmodel = "openai:small"\n+++\nx\n')
    async with at_work(tmp_path, _rules(), providers=tables, prices=prices) as scene:
        for number in range(_STEPS):
            (scene.settings.workspace_path / f"big{number}.txt").write_text(f"line {number} of a file\n" * 400)
        task = await scene.do("go", agent="tiny", kind="analyze")
        records = scene.journal(task)
        assert (task.state, task.summary) == (TaskState.DONE, "all read")
        assert any(isinstance(record, Folded) for record in records)
        inputs = [r.reply.usage.input_total for r in records if isinstance(r, Answered) and r.reply.usage]
        assert max(inputs) < window
        assert sum(inputs) > window


async def test_a_provider_that_says_too_long_is_believed(tmp_path: Path) -> None:
    """Where the provider counts otherwise than we do, the conversation is folded and the same step made again."""
    faults = ["400,reason=too_long,step=12,first=1"]
    async with at_work(tmp_path, _rules(), faults=faults) as scene:
        for number in range(_STEPS):
            (scene.settings.workspace_path / f"big{number}.txt").write_text(f"line {number} of a file\n" * 400)
        task = await scene.do("go", agent="gpt", kind="analyze")
        assert (task.state, task.summary) == (TaskState.DONE, "all read")
        assert sum(isinstance(record, Folded) for record in scene.journal(task)) == 1
