"""Running a recorded task again, offline: the same loop and tools, with the replies that were kept.

Job: the parts that stand in for models, money and others, and the comparison. Not its job: the loop (session), making
the folder (wiring).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ezaigents.agents.model import prompting
from ezaigents.agents.model.journal import Answered, Did, Record
from ezaigents.agents.model.permission import question_about
from ezaigents.agents.tools import command_of
from ezaigents.agents.voice import Silence, Voice
from ezaigents.audit import AuditRecord
from ezaigents.providers import Meter, NoRoute, Reply, Request, Route, ToolCall, Try
from ezaigents.records import Approval, Result, Run, Task
from ezaigents.settings import Settings
from ezaigents.team import Message, Note, Overlap
from ezaigents.workspace import PATCH_FILE, Overlay


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where a replay did not go as it went then. `what`: a tool's name, `steps` or `patch`."""

    step: int
    what: str
    then: str
    now: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How a replay went. `steps`: model replies that were used."""

    steps: int
    patch: str
    summary: str
    differences: tuple[Difference, ...] = ()

    @property
    def is_same(self) -> bool:
        """The same steps and the same patch."""
        return not self.differences


class KeptReplies:
    """Stands in for the providers: the replies of a journal, in order."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._replies = [record.reply for record in records if isinstance(record, Answered)]
        self.used = 0

    async def call(
        self,
        chain: Sequence[Route],
        request: Request,
        meter: Meter,
        *,
        on_text: Callable[[str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
        on_try: Callable[[Try], None] | None = None,
        on_reply: Callable[[Reply], Coroutine[Any, Any, None]] | None = None,
    ) -> Reply:
        """The next reply. Raises NoRoute when the replay asks for more than there was."""
        if self.used >= len(self._replies):
            raise NoRoute("the record has no further reply: the replay went another way than the task did")
        self.used += 1
        reply = self._replies[self.used - 1]
        if on_reply is not None:
            await on_reply(reply)
        return reply

    def redacted(self, text: str) -> str:
        """A record holds no key."""
        return text


class Verdicts(dict[str, Approval]):
    """Stands in for the people who were asked: a command is denied where it was then, and allowed else."""

    def __init__(self, records: Iterable[Record], settings: Settings) -> None:
        super().__init__()
        calls: dict[str, ToolCall] = {}
        for record in records:
            if isinstance(record, Answered):
                calls = {part.id: part for part in record.reply.parts if isinstance(part, ToolCall)}
            elif isinstance(record, Did) and record.text.startswith(prompting.NOT_ALLOWED) and record.call in calls:
                question = question_about(command_of(calls[record.call].arguments), settings)
                if question is not None:
                    self[question.question] = Approval.DENY

    def get(self, question: str, default: object = None) -> Approval:
        """What is said to a question."""
        return super().get(question, Approval.APPROVE)


class NoAudit:
    """Stands in for the audit: a replay acts on nothing."""

    async def note(self, record: AuditRecord, *, sync: bool = False) -> None:
        """Nothing is written."""


class ReplayContext:
    """Stands in for the host: a folder with the recorded files, and nobody else."""

    def __init__(self, settings: Settings, folder: Path, prompt: str, noted: str) -> None:
        self.settings = settings
        self.workspace = settings.workspace_path
        self.voice: Voice = Silence()
        self._folder = folder
        self._prompt = prompt
        self._noted = noted
        self._files: Overlay | None = None

    async def prompt(self) -> str:
        return self._prompt

    async def run(self) -> Run | None:
        return None

    def task_folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder

    async def parents(self) -> list[Task]:
        return []

    def time_left_s(self) -> float | None:
        return None

    @property
    def files(self) -> Overlay:
        if self._files is None:
            self._files = Overlay(
                self.workspace, self.task_folder(), hidden=None, limit_bytes=self.settings.file_limit_bytes
            )
        return self._files

    def resume_files(self) -> Overlay:
        return self.files

    async def means_to_change(self, *paths: str) -> list[Overlap]:
        return []

    async def lease(self, *patterns: str) -> None:
        """Nobody else is here."""

    async def overlaps(self, *, fresh: bool = True) -> list[Overlap]:
        return []

    def propose(self, summary: str, *, cost_microusd: int = 0, simulated: bool = False) -> Result:
        patch = str(self.task_folder() / PATCH_FILE) if self.files.propose() is not None else ""
        return Result(summary=summary, patch=patch, cost_microusd=cost_microusd, simulated=simulated)

    async def messages(self) -> list[Message]:
        return []

    async def send(self, to: str, data: str, *, type: str = "note") -> None:  # noqa: A002 - the field's name
        """Nobody is written to."""

    async def notes(self) -> list[Note]:
        return []

    async def noted(self) -> str:
        return self._noted

    async def learn(self, text: str) -> None:
        """Nothing is kept."""

    async def checkpoint(self) -> None:
        """Nobody pauses it."""

    def close(self) -> None:
        """Let go of the files."""
        if self._files is not None:
            self._files.close()


def compared(then: Sequence[Record], now: Sequence[Record], patch_then: bytes, patch_now: bytes) -> list[Difference]:
    """Where the tools answered otherwise, where there were other steps, and whether the patch is another."""
    found = []
    did_then, did_now = _tools(then), _tools(now)
    for (step, name, text_then), (_, _, text_now) in zip(did_then, did_now, strict=False):
        if text_then != text_now:
            found.append(Difference(step=step, what=name, then=text_then, now=text_now))
    if len(did_then) != len(did_now):
        words = f"{len(did_then)} tool calls", f"{len(did_now)} tool calls"
        found.append(Difference(step=0, what="steps", then=words[0], now=words[1]))
    if patch_then != patch_now:
        texts = (patch_then.decode("utf-8", "replace"), patch_now.decode("utf-8", "replace"))
        found.append(Difference(step=0, what="patch", then=texts[0], now=texts[1]))
    return found


def _tools(records: Sequence[Record]) -> list[tuple[int, str, str]]:
    """Each tool that was used: step, name, and what it answered; of a command only how it ended."""
    step = 0
    names: dict[str, str] = {}
    used = []
    for record in records:
        if isinstance(record, Answered):
            step = record.step
            names |= {part.id: part.name for part in record.reply.parts if isinstance(part, ToolCall)}
        elif isinstance(record, Did):
            name = names.get(record.call, "tool")
            text = record.text.partition("\n")[0] if name == "run" else record.text
            used.append((step, name, text))
    return used
