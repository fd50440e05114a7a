"""Killed in the middle of an apply, with the engine's transition and file leases around it.

What is done to the files alone is in test_apply_kills.py; here the task, its patch and its leases come to an end too.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.chaos.dying_applier import Upper
from tests.integration.runtime.fleets import Yard, make_id, working
from tests.leaks import run, until

from ezaigents.agents import Declared
from ezaigents.client import Client
from ezaigents.engine.process import engine_pid
from ezaigents.patches import Applier
from ezaigents.queue.fsck import OtherCheck, check
from ezaigents.records import AgentCard, PatchState, Run, TaskKind, TaskSpec
from ezaigents.settings import Settings
from ezaigents.team.fsck import judge_team

_ROOT = Path(__file__).parents[2]
_BEFORE = {"a.txt": "a\n", "b.txt": "b\n", "sub/c.txt": "c\n", "e.txt": "e\n"}
_AFTER = {"a.txt": "new a\n", "b.txt": "new b\n", "sub/c.txt": "new c\n", "made/d.txt": "made\n"}
_STEPS_MOST = 200
_STRIDE = 3
"""Every step of the files alone is in test_apply_kills.py; a process here takes a third of a second."""
_HOST_STEPS = (1, 4, 9, 14, 19, 24, 29)
_TEAM = OtherCheck({"locks": "as the product says"}, judge_team)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Short leases: a dead holder's files are wanted soon."""
    (tmp_path / "work").mkdir()
    yield Settings(
        home=str(tmp_path / "home"), workspace=str(tmp_path / "work"), lease_s=1.0, renew_s=0.2, lock_wait_s=20
    )
    pid = engine_pid(tmp_path / "home")
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def _write(root: Path, files: dict[str, str]) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)


def _read(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def _child(role: str, settings: Settings, count: int, *rest: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.chaos.dying_applier", role, msgspec.json.encode(settings).decode()]
    return subprocess.Popen([*command, str(count), *rest], cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_an_apply_killed_at_any_step_is_brought_to_its_end_by_the_next(settings: Settings) -> None:
    """`ez apply` again, whatever the first one had done: the tree is wholly changed, no lease and no intent is left."""
    root = settings.workspace_path

    async def story() -> None:
        async with working(settings, Declared(AgentCard(name="a", slots=1), Upper)) as yard:
            for count in itertools.count(1, _STRIDE):
                assert count < _STEPS_MOST
                _write(root, _BEFORE)
                (task,) = await yard.ended(await yard.hand_in())
                child = _child("client", settings, count, task.id)
                _, said = await asyncio.to_thread(child.communicate)
                if child.returncode == 0:
                    break
                assert child.returncode == -signal.SIGKILL, said.decode()
                if (await yard.task(task.id)).patch_state is PatchState.APPLIED:
                    # Killed when all was said, and only the record was left.
                    place = yard.client.place
                    await until(lambda: _nothing_is_held(yard))
                    await Applier(yard.queue, yard.client.team.leases, settings, place).recover()
                else:
                    outcome = await yard.client.operator.apply(task.id)
                    assert outcome.state is PatchState.APPLIED, (count, outcome)
                assert _read(root) == _AFTER, count
                assert (await yard.task(task.id)).patch_state is PatchState.APPLIED
                await until(lambda: _nothing_is_held(yard))  # a dead one's leases end with their time
                assert not list((settings.home_path / "applies").iterdir())
            assert count > 15, "so few steps are no test"
            report = await check(yard.queue, also=(_TEAM,))
            assert report.ok, report.broken()

    run(story(), limit_s=170)


async def _nothing_is_held(yard: Yard) -> bool:
    return not (await yard.client.operator.locks()).held


@pytest.mark.parametrize("count", _HOST_STEPS)
def test_a_host_killed_in_its_apply_does_not_have_the_work_done_again(settings: Settings, count: int) -> None:
    """The next host finishes the apply and the task; the agent, whose work may have been paid for, is called once."""
    root = settings.workspace_path
    _write(root, _BEFORE)
    first = _child("host", settings, count)
    assert first.stdout is not None
    assert first.stdout.readline() == b"up\n"

    async def hand_in() -> str:
        async with Client.connect(settings) as client:
            of = Run(
                id=make_id(), prompt="x", agent="a", kind=TaskKind.EDIT, workspace="/w", place=client.place, apply=True
            )
            spec = TaskSpec(id=make_id(), agent="a", place=client.place, run=of.id)
            await client.queue.submit([spec], run=of)
            return spec.id

    task_id = asyncio.run(hand_in())
    first.communicate(timeout=60)
    assert first.returncode == -signal.SIGKILL
    second = _child("host", settings, 0)
    assert second.stdout is not None
    assert second.stdout.readline() == b"up\n"

    async def look() -> None:
        async with Client.connect(settings) as client:

            async def ended() -> bool:
                return (await client.queue.task(task_id)).state.terminal

            await until(ended)
            task = await client.queue.task(task_id)
            assert (task.state.value, task.patch_state) == ("done", PatchState.APPLIED)
            assert task.summary == "five files changed"
            assert (await client.operator.locks()).held == ()

    try:
        run(look(), limit_s=60)
    finally:
        second.terminate()
        second.communicate(timeout=60)
    assert second.returncode == 0
    assert _read(root) == _AFTER
    assert (settings.home_path.parent / "calls").read_text() == f"{task_id}\n"
