"""A desk for the analyst: a workspace, a data folder, and claims, as the runtime would hand them out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

from ezaigents.agents import Context
from ezaigents.agents.local import LocalAnalyst, TaskReport, encode_payload, summary_payload
from ezaigents.agents.local.analyst import Cache, read_task_report
from ezaigents.records import Claim, Result, Task, TaskKind, TaskState
from ezaigents.settings import Settings

T = TypeVar("T")


class DeskContext:
    """An attempt's context over real folders."""

    def __init__(self, settings: Settings, task_id: str, parents: list[Task]) -> None:
        self.settings = settings
        self.workspace = settings.workspace_path
        self._folder = settings.home_path / "tasks" / task_id / "1"
        self._parents = parents

    async def prompt(self) -> str:
        return "Where are | the <hot> spots?"

    def task_folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    async def parents(self) -> list[Task]:
        return self._parents

    def time_left_s(self) -> float | None:
        return None

    async def checkpoint(self) -> None:
        """Nobody is paused."""


class Desk:
    """Hands claims to one analyst and reads its reports."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo"
        self.root.mkdir()
        self.settings = Settings(home=str(folder / "home"), workspace=str(self.root))
        self.settings.home_path.mkdir()
        self._made = 0

    def write(self, name: str, text: str) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    def claim(self, paths: list[str] | None, kind: TaskKind = TaskKind.ANALYZE) -> Claim:
        """A claim on these files, or on the summary (None)."""
        self._made += 1
        payload = (
            summary_payload() if paths is None else encode_payload(self.settings.home_path, "r1", self._made, paths)
        )
        return Claim(
            id=f"t{self._made}",
            fence=1,
            run="r1",
            agent="local",
            place="p",
            kind=kind,
            title="",
            payload=payload,
            attempt=1,
            crashes=0,
            deadline_ms=0,
            lease_until_ms=0,
        )

    async def analyse(self, analyst: LocalAnalyst, paths: list[str]) -> Result:
        claim = self.claim(paths)
        return await analyst.run(claim, self.context(claim.id))

    async def summarize(self, analyst: LocalAnalyst, parents: list[Task]) -> Result:
        claim = self.claim(None)
        return await analyst.run(claim, self.context(claim.id, parents))

    def context(self, task_id: str, parents: list[Task] | None = None) -> Context:
        # What an analyst uses of a context; it edits nothing and talks to nobody.
        return cast("Context", DeskContext(self.settings, task_id, parents or []))

    def report(self, result: Result) -> TaskReport:
        return read_task_report(self.settings.home_path / result.report)

    def use(self, work: Callable[[LocalAnalyst], Awaitable[T]], cache: Cache | None = None) -> T:
        """Run `work` with an analyst that is closed afterwards."""

        async def whole() -> T:
            analyst = LocalAnalyst(self.settings, cache)
            try:
                return await work(analyst)
            finally:
                await analyst.close()

        return asyncio.run(whole())


def ended(title: str, state: TaskState = TaskState.DONE, report: str = "", error: str = "") -> Task:
    """A parent of the summary, as the queue would show it."""
    return Task(id=title, state=state, run="r1", agent="local", place="p", title=title, report=report, error=error)
