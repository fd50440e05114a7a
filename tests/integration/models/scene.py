"""A fleet with simulated models over a workspace of its own, in the test's process.

async with at_work(tmp_path, rules) as scene:
    task = await scene.do("add a line", kind="edit")
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.leaks import until
from tests.switched import off_in_settings

from ezaigents.agents.model.journal import JOURNAL_FILE, Record
from ezaigents.client import Client, Wish
from ezaigents.codec import from_json
from ezaigents.records import Task, TaskKind
from ezaigents.settings import Settings
from ezaigents.simulate import CallLine, SimulatedModels, read_log
from ezaigents.wiring import Fleet

TEXT = "one\ntwo\nthree\n"
EDIT = """
[[rule]]
match = "add a line"
[[rule.steps]]
text = "I look."
calls = [{ name = "read", arguments = { path = "a.txt" } }]
[[rule.steps]]
[[rule.steps.calls]]
name = "edit"
[rule.steps.calls.arguments]
path = "a.txt"
sha256 = "{sha:a.txt}"
edits = [{ old = "two\\n", new = "two\\nmore\\n" }]
[[rule.steps]]
calls = [{ name = "finish", arguments = { summary = "added a line", evidence = "more" } }]
"""


class Scene:
    """What a test sees of the fleet."""

    def __init__(self, settings: Settings, fleet: Fleet, client: Client, simulated: SimulatedModels, log: Path) -> None:
        self.settings = settings
        self.fleet = fleet
        self.client = client
        self.simulated = simulated
        self._log = log

    async def hand_in(self, prompt: str, *, agent: str = "claude", kind: str = "edit", **wish: Any) -> str:
        """Hand in one task and return its id."""
        paths = wish.pop("paths", ("a.txt",))
        handed = await self.client.submit(
            Wish(prompt=prompt, paths=paths, agent=agent, kind=TaskKind(kind), **{"max_attempts": 1, **wish})
        )
        return handed.specs[0].id

    async def ended(self, task_id: str, limit_s: float = 30.0) -> Task:
        """Wait until a task has ended."""

        async def over() -> bool:
            return (await self.client.task(task_id)).state.terminal

        await until(over, limit_s)
        return await self.client.task(task_id)

    async def do(self, prompt: str, **wish: Any) -> Task:
        """Hand in one task and wait for its end."""
        return await self.ended(await self.hand_in(prompt, **wish))

    def calls(self) -> list[CallLine]:
        """The model calls that arrived."""
        return [line for line in read_log(self._log) if isinstance(line, CallLine)]

    def journal(self, task: Task) -> list[Record]:
        """Everything the attempts at a task wrote down."""
        files = sorted((self.settings.home_path / "tasks" / task.id).glob(f"*/{JOURNAL_FILE}"))
        lines = [line for file in files for line in file.read_bytes().splitlines()]
        return [from_json(line, Record) for line in lines]  # type: ignore[arg-type]

    def report(self, task: Task) -> str:
        """The report of a task."""
        return (self.settings.home_path / task.report).read_text("utf-8")

    def patch(self, task: Task) -> str:
        """The patch of a task."""
        return (self.settings.home_path / task.patch).read_text("utf-8")

    def text(self, name: str = "a.txt") -> str:
        """A file of the workspace."""
        return (self.settings.workspace_path / name).read_text("utf-8")


def settings_in(folder: Path, **changed: Any) -> Settings:
    """Settings of a fleet with simulated models, all of it beneath `folder`."""
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    if not (workspace / "a.txt").exists():
        (workspace / "a.txt").write_text(TEXT)
    values = {
        "home": str(folder / "home"),
        "workspace": str(workspace),
        "config_home": str(folder / "config"),
        "models": "simulated",
    }
    return Settings(**(values | off_in_settings() | changed))


@asynccontextmanager
async def at_work(
    folder: Path, rules: str | Sequence[str] = EDIT, *, faults: Sequence[str] = (), **changed: Any
) -> AsyncIterator[Scene]:
    """A fleet and a simulator, at work until the block ends."""
    log = folder / "calls.jsonl"
    texts = [rules] if isinstance(rules, str) else list(rules)
    async with SimulatedModels(texts, faults=faults, log=log) as simulated:
        settings = settings_in(folder, sim_url=simulated.url, **changed)
        async with Fleet(settings) as fleet, Client.connect(settings) as client:
            working = asyncio.create_task(fleet.run())
            try:
                yield Scene(settings, fleet, client, simulated, log)
            finally:
                fleet.stop()
                await working


def make_repository(folder: Path) -> None:
    """Turn a folder into a git repository with everything committed."""
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "begin"]):
        subprocess.run(
            ["git", "-c", "user.email=a@example.org", "-c", "user.name=a", *arguments],
            cwd=folder,
            check=True,
            timeout=60,
        )
