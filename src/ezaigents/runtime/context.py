"""What an agent may use while it works on one claim (agents.Context). Job: one attempt's own view of files and others.

Everything here is made on first use: a task that reads one file and talks to nobody costs nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ezaigents.agents import HandBack, TaskFailed
from ezaigents.agents.attempts import earlier_files
from ezaigents.clock import Clock
from ezaigents.policy import clip_bytes
from ezaigents.queue import Queue
from ezaigents.records import Claim, Result, Run, Task
from ezaigents.runtime.cache import Cache
from ezaigents.runtime.pauses import Pauses
from ezaigents.runtime.post import Post
from ezaigents.settings import Settings
from ezaigents.team import Team

if TYPE_CHECKING:
    from ezaigents.runtime.voice import RunVoice
    from ezaigents.team import Message, Note, Overlap
    from ezaigents.workspace import Overlay

_log = logging.getLogger(__name__)
_NOTED_MOST_BYTES = 8192
_RADAR_EVERY_S = 1.0
"""How often others are told of readings and of progress; changes are told at once."""
_BUSY_DELAY_S = 5.0
"""A task whose files stay taken for as long as it may wait is tried again after this."""


class RunContext:
    """Belongs to the host's event loop; `close` lets go of what the attempt held."""

    def __init__(
        self,
        claim: Claim,
        queue: Queue,
        settings: Settings,
        workspace: Path,
        cache: Cache,
        clock: Clock,
        team: Team,
        post: Post,
        pauses: Pauses,
    ) -> None:
        self.settings = settings
        self.workspace = workspace
        self._claim = claim
        self._queue = queue
        self._cache = cache
        self._clock = clock
        self._team = team
        self._post = post
        self._pauses = pauses
        self._files: Overlay | None = None
        self._touched: dict[str, bool] = {}
        self._at: dict[str, bool] = {}
        self._on_radar = False
        self._radar_due_s = 0.0
        self._known: set[Overlap] = set()
        self._news: list[Overlap] = []
        self._leaving: AsyncExitStack | None = None
        self._has_inbox = False
        self._voice: RunVoice | None = None

    @property
    def holds_nothing(self) -> bool:
        """True for an attempt that neither changed files, nor took mail or leases, nor said where it is."""
        return not (self._files or self._leaving or self._on_radar or self._has_inbox or self._voice)

    @property
    def voice(self) -> RunVoice:
        if self._voice is None:
            from ezaigents.runtime.voice import RunVoice

            self._voice = RunVoice(self._publish_said)
        return self._voice

    async def _publish_said(self, message: bytes) -> int:
        heard: int = await self._queue.put("PUBLISH", self._queue.keys.said(self._claim.id), message)
        return heard

    # -- the task ------------------------------------------------------------------------------------------------

    async def prompt(self) -> str:
        run = await self.run()
        if run is None or not run.prompt_file:
            return run.prompt if run else ""
        key = f"prompt:{self._claim.run}"
        kept = self._cache.get(key)
        if isinstance(kept, str):
            return kept
        text = await asyncio.to_thread((self.settings.home_path / run.prompt_file).read_text, "utf-8")
        self._cache.put(key, text, len(text))
        return text

    async def run(self) -> Run | None:
        """The run this task is of, as it was handed in: its counts may be old."""
        key = f"run:{self._claim.run}"
        kept = self._cache.get(key)
        if isinstance(kept, Run):
            return kept
        run = await self._queue.run(self._claim.run)
        if run is not None:
            self._cache.put(key, run, len(run.prompt) + 512)
        return run

    def task_folder(self) -> Path:
        folder = self._folder_of(self._claim.fence)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    async def parents(self) -> list[Task]:
        task = await self._queue.task(self._claim.id)
        return await self._queue.tasks(task.parents)

    def time_left_s(self) -> float | None:
        if not self._claim.deadline_ms:
            return None
        return (self._claim.deadline_ms - self._clock.wall_ms()) / 1000

    # -- files ---------------------------------------------------------------------------------------------------

    @property
    def files(self) -> Overlay:
        if self._files is None:
            self._files = self._overlay(())
        return self._files

    def resume_files(self) -> Overlay:
        self._close_files()
        self._files = self._overlay(self._earlier())
        return self._files

    def _overlay(self, earlier: Sequence[Path]) -> Overlay:
        from ezaigents.workspace import Overlay

        return Overlay(
            self.workspace,
            self.task_folder(),
            hidden=self.settings.home_path,
            limit_bytes=self.settings.file_limit_bytes,
            earlier=earlier,
            on_touch=self._on_touch,
        )

    def propose(self, summary: str, *, cost_microusd: int = 0, simulated: bool = False) -> Result:
        from ezaigents.workspace import PATCH_FILE

        patch = ""
        if self._files is not None and self._files.propose() is not None:
            patch = str((self.task_folder() / PATCH_FILE).relative_to(self.settings.home_path))
        return Result(summary=summary, patch=patch, cost_microusd=cost_microusd, simulated=simulated)

    async def means_to_change(self, *paths: str) -> list[Overlap]:
        from ezaigents.team import LeaseBusy

        overlaps = self._noted(await self._radar(means=paths))
        others = [overlap for overlap in overlaps if overlap.theirs != "has read"]
        if others and self.settings.overlap == "block":
            raise TaskFailed(f"{_told(others[0])}; the setting overlap is block")
        if self.settings.overlap == "serialise":
            try:
                await self.lease(*paths)
            except LeaseBusy as busy:
                # By chance, so that two tasks that want each other's files do not meet again and again.
                raise HandBack(str(busy), delay_s=_BUSY_DELAY_S * (0.5 + random.random())) from busy  # noqa: S311
        for overlap in others if self.settings.overlap == "warn" else ():
            _log.warning("task %s: %s", self._claim.id, _told(overlap))
        return overlaps

    async def lease(self, *patterns: str) -> None:
        from ezaigents.team import Holder, keep

        held = keep(
            self._team.leases,
            Holder(self._claim.place, self._claim.id, self._claim.fence),
            patterns,
            ttl_s=self.settings.lease_s,
            wait_s=self.settings.lock_wait_s,
        )
        self._leaving = self._leaving or AsyncExitStack()
        await self._leaving.enter_async_context(held)

    async def overlaps(self, *, fresh: bool = True) -> list[Overlap]:
        if fresh and self._touched:
            self._noted(await self._radar())
        news, self._news = self._news, []
        return news

    def _on_touch(self, path: str, changed: bool) -> None:
        """Called by the overlay, in whatever thread it is used."""
        self._touched[path] = changed or self._touched.get(path, False)

    async def _radar(self, *, means: Sequence[str] = ()) -> list[Overlap]:
        touched, self._touched = self._touched, {}
        self._at |= {path: changed or self._at.get(path, False) for path, changed in touched.items()}
        self._on_radar = True
        self._radar_due_s = self._clock.monotonic_s() + _RADAR_EVERY_S
        claim = self._claim
        return await self._team.radar.touch(
            claim.id,
            claim.fence,
            claim.agent,
            claim.place,
            means=means,
            reads=[path for path, changed in touched.items() if not changed],
            writes=[path for path, changed in touched.items() if changed],
        )

    def _noted(self, overlaps: list[Overlap]) -> list[Overlap]:
        self._news += [overlap for overlap in overlaps if overlap not in self._known]
        self._known.update(overlaps)
        return overlaps

    # -- others --------------------------------------------------------------------------------------------------

    async def messages(self) -> list[Message]:
        self._has_inbox = True
        return await self._post.take(self._claim)

    async def send(self, to: str, data: str, *, type: str = "note") -> None:  # noqa: A002 - the field's name
        await self._post.send(self._claim, to, data, type)

    async def notes(self) -> list[Note]:
        return await asyncio.to_thread(self._team.notes.all, self._claim.place)

    async def noted(self) -> str:
        from ezaigents.team import notes_as_text

        return notes_as_text(await self.notes(), _NOTED_MOST_BYTES)

    async def learn(self, text: str) -> None:
        claim = self._claim
        await asyncio.to_thread(self._team.notes.add, claim.place, text, author=claim.agent, task=claim.id)

    async def checkpoint(self) -> None:
        is_due = self._clock.monotonic_s() >= self._radar_due_s
        if is_due and self._on_radar and not self._touched:
            self._radar_due_s = self._clock.monotonic_s() + _RADAR_EVERY_S
            is_known = await self._team.radar.progress(self._claim.id, self._claim.fence)
            if not is_known:  # after an hour without a word
                self._touched = self._at | self._touched
        if (is_due and self._touched) or any(self._touched.values()) or not self._on_radar:
            self._noted(await self._radar())
        await self._pauses.wait(self._claim.agent)

    # -- the end -------------------------------------------------------------------------------------------------

    async def close(self, *, ended: bool) -> None:
        """Let go of voice, leases, inbox and radar. `ended`: the attempt ended, so its mail counts as read."""
        self._close_files()
        if self._voice is not None:
            await self._voice.close()
        async with AsyncExitStack() as leaving:  # one that fails does not keep the others
            if self._on_radar:
                leaving.push_async_callback(self._team.radar.leave, self._claim.id, self._claim.fence)
            if self._leaving is not None:
                leaving.push_async_callback(self._leaving.aclose)
            await self._post.close(self._claim, taken=ended)

    def _close_files(self) -> None:
        if self._files is not None:
            self._files.close()
            self._files = None

    # -- where things lie ----------------------------------------------------------------------------------------

    def _folder_of(self, fence: int) -> Path:
        return self.settings.home_path / "tasks" / self._claim.id / str(fence)

    def _earlier(self) -> list[Path]:
        """The folders of the attempts before this one whose changes count, oldest first."""
        return earlier_files(self.task_folder().parent, self._claim.fence)


def _told(overlap: Overlap) -> str:
    return clip_bytes(f"task {overlap.task} ({overlap.agent}) {overlap.theirs} {overlap.path}", 400)
