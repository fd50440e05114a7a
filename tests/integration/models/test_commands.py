"""Commands of an agent: in a sandbox and a copy of the files as the attempt has them; checks; what needs a person."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from pathlib import Path

import pytest
from tests.leaks import until

from ezaigents.agents.model.journal import Checked, Did, Reopened
from ezaigents.cli.patchview import show_patches
from ezaigents.records import PatchState, TaskState

from .scene import TEXT, at_work, make_repository

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

_READ = 'calls = [{ name = "read", arguments = { path = "a.txt" } }]'
_EDIT = (
    'calls = [{ name = "edit", arguments = { path = "a.txt", sha256 = "{sha:a.txt}", '
    'edits = [{ old = "two\\n", new = "two\\nmore\\n" }] } }]'
)
_END = 'calls = [{ name = "finish", arguments = { summary = "done" } }]'


def _run(*argv: str) -> str:
    return f'calls = [{{ name = "run", arguments = {{ argv = {list(argv)!r} }} }}]'


def _rule(*steps: str) -> str:
    return '[[rule]]\nmatch = "go"\n' + "".join(f"[[rule.steps]]\n{step}\n" for step in steps)


async def test_a_command_sees_the_files_as_the_attempt_has_them(tmp_path: Path) -> None:
    """What was edited is what a command reads, and the tree itself is not touched."""
    async with at_work(tmp_path, _rule(_READ, _EDIT, _run("cat", "a.txt"), _END)) as scene:
        task = await scene.do("go")
        said = [record.text for record in scene.journal(task) if isinstance(record, Did)]
        assert "more" in said[2]
        assert "exit code 0" in said[2]
        assert scene.text() == TEXT


async def test_what_a_command_changes_becomes_part_of_the_patch(tmp_path: Path) -> None:
    """A file that a command changed or made is in the patch; what test runs leave behind is not."""
    code = "import pathlib as p; p.Path('a.txt').write_text('new'); p.Path('b.txt').write_text('b'); import t"
    async with at_work(tmp_path, _rule(_run("python3", "-c", code), _END)) as scene:
        (scene.settings.workspace_path / "t.py").write_text("x = 1\n")
        task = await scene.do("go")
        patch = scene.patch(task)
        assert "a/a.txt" in patch
        assert "b/b.txt" in patch
        assert "pycache" not in patch


async def test_no_key_and_nothing_of_the_user_reaches_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command sees an environment of its own: no key, no home."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1234567890")
    async with at_work(tmp_path, _rule(_run("python3", "-c", "import os; print(dict(os.environ))"), _END)) as scene:
        task = await scene.do("go")
        said = next(record.text for record in scene.journal(task) if isinstance(record, Did))
        assert "PATH" in said
        assert "canary" not in said


async def test_a_check_that_succeeds_is_evidence(tmp_path: Path) -> None:
    """The check runs on the changed files; its result is in the report."""
    async with at_work(tmp_path, _rule(_READ, _EDIT, _END)) as scene:
        task = await scene.do("go", check=("grep", "more", "a.txt"), apply=True)
        assert (task.partial, task.patch_state) == (False, PatchState.APPLIED)
        assert "`grep more a.txt` succeeded" in scene.report(task)


async def test_a_check_that_fails_is_told_and_tried_again_then_the_patch_is_only_proposed(tmp_path: Path) -> None:
    """The model is told what the check printed; after three failures nothing is applied, and the task is partial."""
    async with at_work(tmp_path, _rule(_READ, _EDIT, _END, _END, _END)) as scene:
        task = await scene.do("go", check=("grep", "missing", "a.txt"), apply=True)
        checks = [record for record in scene.journal(task) if isinstance(record, Checked)]
        assert [check.exit_code for check in checks] == [1, 1, 1]
        assert (task.partial, task.patch_state) == (True, PatchState.PROPOSED)
        assert "grep missing" in task.summary
        assert scene.text() == TEXT


@pytest.mark.parametrize(
    ("script", "how"), [("exit 3", "ended with exit code 3"), ("kill -9 $$", "was killed by a signal")]
)
async def test_a_report_says_how_a_check_ended(tmp_path: Path, script: str, how: str) -> None:
    """The command stands there as one would type it."""
    async with at_work(tmp_path, _rule(*[_END] * 3)) as scene:
        task = await scene.do("go", check=("sh", "-c", script))
        assert f"`sh -c '{script}'` {how}." in scene.report(task)


async def test_a_command_that_is_not_usual_waits_for_a_person_and_holds_no_slot(tmp_path: Path) -> None:
    """An unusual program is asked about before it runs; allowed, it runs once."""
    async with at_work(tmp_path, _rule(_run("uname", "-s"), _END)) as scene:
        task_id = await scene.hand_in("go")

        async def asks() -> bool:
            return (await scene.client.task(task_id)).waits_for_answer

        await until(asks)
        assert "'uname' '-s'" in (await scene.client.task(task_id)).asks
        assert scene.fleet.host.running == 0
        await scene.client.operator.approve([task_id])
        task = await scene.ended(task_id)
        said = [record.text for record in scene.journal(task) if isinstance(record, Did)]
        assert "Linux" in said[0]
        assert (task.state, task.attempts) == (TaskState.DONE, 0)
        assert len(scene.calls()) == 2


async def test_a_denied_command_is_told_to_the_model_with_the_reason(tmp_path: Path) -> None:
    """A denial is an answer like any other: the task goes on without the command."""
    async with at_work(tmp_path, _rule(_run("uname", "-s"), _END)) as scene:
        task_id = await scene.hand_in("go")

        async def asks() -> bool:
            return (await scene.client.task(task_id)).waits_for_answer

        await until(asks)
        await scene.client.operator.deny([task_id], "not here")
        task = await scene.ended(task_id)
        said = [record for record in scene.journal(task) if isinstance(record, Did)]
        assert said[0].failed
        assert "not here" in said[0].text
        assert task.state is TaskState.DONE


async def test_a_patch_over_uncommitted_changes_waits_for_a_person(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file that holds changes git does not know is not changed by --apply before a person allows it."""
    async with at_work(tmp_path, _rule(_READ, _EDIT, _END)) as scene:
        workspace = scene.settings.workspace_path
        make_repository(workspace)
        (workspace / "a.txt").write_text(TEXT + "mine, not committed\n")
        task_id = await scene.hand_in("go", apply=True)

        async def asks() -> bool:
            return (await scene.client.task(task_id)).waits_for_answer

        await until(asks)
        asking = await scene.client.task(task_id)
        assert "a.txt" in asking.asks
        show_patches([asking], scene.settings.home_path)
        assert "+more" in capfd.readouterr().out  # what is asked about can be looked at
        assert scene.text() == TEXT + "mine, not committed\n"
        await scene.client.operator.approve([task_id])
        task = await scene.ended(task_id)
        assert task.patch_state is PatchState.APPLIED
        assert scene.text() == TEXT.replace("two\n", "two\nmore\n") + "mine, not committed\n"
        assert len(scene.calls()) == 3


async def test_a_clean_repository_needs_nobody(tmp_path: Path) -> None:
    """Where everything is committed, --apply goes through."""
    async with at_work(tmp_path, _rule(_READ, _EDIT, _END)) as scene:
        make_repository(scene.settings.workspace_path)
        task = await scene.do("go", apply=True)
        assert task.patch_state is PatchState.APPLIED


async def test_commands_that_are_off_are_no_tool(tmp_path: Path) -> None:
    """Switched off, there is no tool `run`, and a model that asks for it is told why."""
    async with at_work(tmp_path, _rule(_run("true"), _END), commands="off") as scene:
        task = await scene.do("go")
        said = next(record for record in scene.journal(task) if isinstance(record, Did))
        assert said.failed
        assert "switched off" in said.text


@pytest.mark.parametrize("named", [False, True])
async def test_files_named_like_secrets_are_in_the_copy_only_where_the_user_names_them(
    tmp_path: Path, named: bool
) -> None:
    """What a command prints goes to the model: a secret of the workspace is not there to be printed."""
    async with at_work(tmp_path, _rule(_run("cat", ".env"), _END)) as scene:
        workspace = scene.settings.workspace_path
        (workspace / ".env").write_text("TOKEN=canary-42\n")
        make_repository(workspace)  # it is committed too, and in the checkout
        task = await scene.do("go", paths=("a.txt", ".env") if named else ("a.txt",))
        said = next(record.text for record in scene.journal(task) if isinstance(record, Did))
        assert ("canary-42" in said) is named


async def test_a_file_named_like_a_secret_that_a_command_makes_is_not_taken(tmp_path: Path) -> None:
    """A command cannot write what the model may not write."""
    code = "import pathlib as p; p.Path('.env').write_text('x'); p.Path('.gitattributes').write_text('x')"
    async with at_work(tmp_path, _rule(_run("python3", "-c", code), _END)) as scene:
        task = await scene.do("go")
        said = next(record.text for record in scene.journal(task) if isinstance(record, Did))
        assert "changes that were not taken" in said
        assert not task.patch


async def test_a_command_may_make_a_file_executable(tmp_path: Path) -> None:
    """Permissions are part of the work, of files that are new and of those that were there."""
    code = "import os, pathlib as p; p.Path('n.sh').write_text('x'); os.chmod('n.sh', 0o755); os.chmod('a.txt', 0o755)"
    async with at_work(tmp_path, _rule(_run("python3", "-c", code), _END)) as scene:
        patch = scene.patch(await scene.do("go"))
        assert "new file mode 100755" in patch
        assert "new mode 100755" in patch


async def test_what_a_check_changes_is_no_part_of_the_patch(tmp_path: Path) -> None:
    """A check looks; what it leaves behind is dropped, and no copy stays."""
    code = "import pathlib as p; p.Path('a.txt').write_text('junk'); p.Path('junk.txt').write_text('junk')"
    async with at_work(tmp_path, _rule(_READ, _EDIT, _END)) as scene:
        task = await scene.do("go", check=("python3", "-c", code), apply=True)
        assert (task.partial, task.patch_state) == (False, PatchState.APPLIED)
        assert "junk" not in scene.patch(task)
        copies = scene.settings.home_path / "worktrees"
        assert [path.name for path in copies.iterdir() if path.is_dir() and any(path.iterdir())] == []


async def test_a_check_sees_nothing_that_the_patch_does_not_bring(tmp_path: Path) -> None:
    """What an agent left in an ignored folder cannot make its check succeed: the user would not have it."""
    made = _run("python3", "-c", "import os; os.makedirs('hidden/ok')")
    async with at_work(tmp_path, _rule(made, _READ, _EDIT, _END, _END, _END)) as scene:
        (scene.settings.workspace_path / ".gitignore").write_text("hidden/\n")
        task = await scene.do("go", check=("test", "-e", "hidden/ok"))
        assert task.partial


async def test_what_a_workspace_depends_on_is_there_and_read_only(tmp_path: Path) -> None:
    """Ignored by git and never copied, `.venv` and `node_modules` are what tests are run with."""
    code = (
        "import pathlib as p, subprocess as s\n"
        "print(s.run(['.venv/bin/tool'], capture_output=True).stdout, s.run(['tool2'], capture_output=True).stdout)\n"
        "try:\n p.Path('node_modules/lib.js').write_text('evil')\n"
        "except OSError as error:\n print(type(error).__name__)"
    )
    workspace = tmp_path / "workspace"
    for path in (".venv/bin/tool", "node_modules/.bin/tool2"):
        (workspace / path).parent.mkdir(parents=True)
        (workspace / path).write_text(f"#!/bin/sh\necho {path}\n")
        (workspace / path).chmod(0o755)
    (workspace / "node_modules" / "lib.js").write_text("good")
    (workspace / ".gitignore").write_text(".venv/\nnode_modules/\n")
    async with at_work(tmp_path, _rule(_run("python3", "-c", code), _END)) as scene:
        task = await scene.do("go")
        said = next(record.text for record in scene.journal(task) if isinstance(record, Did))
        assert ".venv/bin/tool" in said
        assert "node_modules/.bin/tool2" in said
        assert "Error" in said
        assert scene.text("node_modules/lib.js") == "good"
        assert not task.patch


async def test_dependencies_that_go_while_a_host_lives_harm_no_command(tmp_path: Path) -> None:
    """Installing anew begins by taking the folder away: commands and checks go on."""
    workspace = tmp_path / "workspace"
    (workspace / "node_modules").mkdir(parents=True)
    (workspace / ".gitignore").write_text("node_modules/\n")
    async with at_work(tmp_path, _rule(_run("true"), _END)) as scene:
        assert not (await scene.do("go")).partial
        shutil.rmtree(workspace / "node_modules")
        task = await scene.do("go", check=("true",))
        assert (task.state, task.partial) == (TaskState.DONE, False)


async def test_a_change_beneath_a_linked_folder_hides_nothing_there(tmp_path: Path) -> None:
    """What an agent writes into `node_modules` is in its patch; commands go on to see the workspace's own."""
    workspace = tmp_path / "workspace"
    (workspace / "node_modules").mkdir(parents=True)
    (workspace / "node_modules" / "lib.js").write_text("x")
    (workspace / ".gitignore").write_text("node_modules/\n")
    write = 'calls = [{ name = "write", arguments = { path = "node_modules/z", content = "z" } }]'
    look = _run("ls", "node_modules/")
    async with at_work(tmp_path, _rule(look, write, look, _END)) as scene:
        task = await scene.do("go")
        said = [record.text for record in scene.journal(task) if isinstance(record, Did)]
        assert "lib.js" in said[2]


async def test_a_file_that_a_command_moves_to_a_closed_name_is_not_lost(tmp_path: Path) -> None:
    """The new name is not taken, so the old one is not given up."""
    move = _run("python3", "-c", "import os; os.rename('a.txt', 'a.pem')")
    async with at_work(tmp_path, _rule(move, _END)) as scene:
        await scene.do("go", apply=True)
        assert scene.text() == TEXT


async def test_a_check_that_can_never_run_leaves_the_patch_proposed(tmp_path: Path) -> None:
    """The work was paid for: it is handed back as partial, with what stood in the way."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "big.bin").write_bytes(b"x" * 5000)
    async with at_work(tmp_path, _rule(_READ, _EDIT, _END), worktree_max_bytes=1024) as scene:
        task = await scene.do("go", check=("true",), apply=True)
        assert (task.state, task.partial, task.patch_state) == (TaskState.DONE, True, PatchState.PROPOSED)
        assert "the check cannot be run" in task.summary


async def test_a_failed_check_is_told_again_when_the_task_is_retried(tmp_path: Path) -> None:
    """Whoever retries gives the model another try, with what the check said last."""
    check = ("sh", "-c", "echo why-it-fails; exit 1")
    async with at_work(tmp_path, _rule(_READ, _EDIT, *[_END] * 8)) as scene:
        task = await scene.do("go", check=check)
        assert task.partial
        await scene.client.retry([task.id])
        task = await scene.ended(task.id)
        told = [record.text for record in scene.journal(task) if isinstance(record, Reopened)]
        assert "why-it-fails" in told[0]
        assert sum(isinstance(record, Checked) for record in scene.journal(task)) == 6


async def test_a_task_cancelled_at_the_gate_of_its_copy_leaves_none(tmp_path: Path) -> None:
    """A copy whose closing is interrupted is closed all the same: else each would cost a place until the host ends."""
    async with at_work(tmp_path, _rule(_run("true"), _READ, _EDIT, _END)) as scene:
        copies = scene.settings.home_path / "worktrees"
        task_id = await scene.hand_in("go", check=("true",))
        await until(lambda: len(scene.calls()) == 3)
        gate = os.open(copies / "gate.lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(gate, fcntl.LOCK_EX)  # another process is there
        await until(lambda: len(scene.calls()) == 4)
        await scene.client.cancel([task_id])
        await asyncio.sleep(0.2)
        os.close(gate)
        await scene.ended(task_id)
        await until(lambda: not [path for path in copies.iterdir() if path.is_dir() and path.name != "kept"])
