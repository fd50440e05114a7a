"""A recorded task runs again offline: the same steps, the same patch."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.errors import InputError
from ezaigents.wiring.replaying import replay

from .scene import at_work


async def test_a_recorded_task_replays_to_the_same_patch_whatever_happened_since(tmp_path: Path) -> None:
    """With the workspace changed since, the replay makes the same steps and the same patch, to the byte."""
    async with at_work(tmp_path) as scene:
        (scene.settings.workspace_path / ".env").write_text("TOKEN=canary-42")
        task = await scene.do("please add a line", apply=True, record=True)
        settings, patch, asked = scene.settings, scene.patch(task), len(scene.calls())
        (settings.workspace_path / "a.txt").write_text("something else\n")
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        replayed = await replay(settings, task.id, scratch)
        assert replayed.is_same, replayed.differences
        assert [path.name for path in (scratch / "workspace").iterdir()] == ["a.txt"]
        assert replayed.steps == 3
        assert Path(replayed.patch).read_text() == patch
        assert len(scene.calls()) == asked
        assert scene.text() == "something else\n"


async def test_a_replay_that_goes_another_way_is_told(tmp_path: Path) -> None:
    """Where the recorded files are not what the task saw, the first tool that answers otherwise is named."""
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line", record=True)
        journal = scene.settings.home_path / "tasks" / task.id / str(task.fence) / "journal.jsonl"
        journal.write_bytes(journal.read_bytes().replace(b"three\\n", b"THREE\\n"))
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        replayed = await replay(scene.settings, task.id, scratch)
        assert next((one.step, one.what) for one in replayed.differences) == (1, "read")


async def test_a_task_that_was_not_recorded_says_how_to(tmp_path: Path) -> None:
    """Without a record there is nothing to replay, and the user is told what to type."""
    async with at_work(tmp_path) as scene:
        task = await scene.do("please add a line")
        with pytest.raises(InputError, match="--record"):
            await replay(scene.settings, task.id, tmp_path)
