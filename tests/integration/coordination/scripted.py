"""Scripted agents: what a task does is written in its payload, step by step. No model is asked.

[["insert", "a.py", 3, "text"], ["wait", "name"], ...]
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ezaigents.agents import Context, Declared, NeedsApproval, TaskFailed
from ezaigents.records import AgentCard, Approval, Claim, Result
from ezaigents.settings import Settings
from ezaigents.workspace import FileMissing, StaleWrite

Step = list[Any]


def script(*steps: Sequence[Any]) -> str:
    """The payload of a task that takes these steps."""
    return msgspec.json.encode(steps).decode()


class Scripted:
    """Takes the steps. `gates`: events by name, which `wait` waits for; `heard`: what `take` was given."""

    def __init__(self, gates: dict[str, asyncio.Event] | None = None) -> None:
        self.gates = gates if gates is not None else {}
        self.heard: list[str] = []
        self.seen: list[Any] = []
        self.runs: list[str] = []
        self.working: list[str] = []

    async def run(self, claim: Claim, context: Context) -> Result:
        self.runs.append(claim.id)
        for word, *rest in msgspec.json.decode(claim.payload, type=list[Step]):
            await getattr(self, f"_{word}")(claim, context, *rest)
        return context.propose("as the script says")

    async def close(self) -> None:
        """Nothing is held."""

    async def _insert(self, claim: Claim, context: Context, path: str, number: int, text: str) -> None:
        while True:
            read = context.files.read(path)
            lines = read.data.split(b"\n")
            lines.insert(number, text.encode())
            try:
                context.files.write(path, b"\n".join(lines), expected=read.sha256)
            except StaleWrite:  # somebody's patch came between: look again, as every agent is told to
                continue
            return

    async def _read(self, claim: Claim, context: Context, path: str) -> None:
        context.files.read(path)

    async def _write(self, claim: Claim, context: Context, path: str, text: str) -> None:
        try:
            expected: str | None = context.files.read(path).sha256
        except FileMissing:
            expected = None
        context.files.write(path, text.encode(), expected=expected)

    async def _fill(self, claim: Claim, context: Context, path: str, size_bytes: int) -> None:
        context.files.write(path, b"x" * size_bytes, expected=None)

    async def _delete(self, claim: Claim, context: Context, path: str) -> None:
        context.files.delete(path, expected=context.files.read(path).sha256)

    async def _wait(self, claim: Claim, context: Context, name: str) -> None:
        self.working.append(claim.id)
        await self.gates.setdefault(name, asyncio.Event()).wait()

    async def _take(self, claim: Claim, context: Context) -> None:
        self.heard += [f"{message.sender}: {message.data}" for message in await context.messages()]

    async def _send(self, claim: Claim, context: Context, to: str, text: str) -> None:
        await context.send(to, text)

    async def _answer(self, claim: Claim, context: Context, to: str) -> None:
        """Answer every message to `to`, until one may not be sent any more."""
        while True:
            for message in await context.messages():
                self.heard.append(message.data)
                await context.send(to, f"{message.hops + 1}")
            await asyncio.sleep(0.001)

    async def _means(self, claim: Claim, context: Context, *paths: str) -> None:
        self.seen += await context.means_to_change(*paths)

    async def _overlaps(self, claim: Claim, context: Context) -> None:
        self.seen += await context.overlaps()

    async def _lease(self, claim: Claim, context: Context, *patterns: str) -> None:
        await context.lease(*patterns)

    async def _checkpoint(self, claim: Claim, context: Context) -> None:
        await context.checkpoint()
        self.seen.append("went on")

    async def _need(self, claim: Claim, context: Context, kind: str, text: str) -> None:
        """Go on only if a person says so; what was said is in `seen`."""
        need = NeedsApproval.about(kind, text)
        verdict = claim.answers.get(need.question)
        if verdict is None:
            raise need
        self.seen.append((verdict.value, claim.answer_why))
        if verdict is not Approval.APPROVE:
            raise TaskFailed(f"{verdict.value}: {claim.answer_why}")

    async def _learn(self, claim: Claim, context: Context, text: str) -> None:
        await context.learn(text)

    async def _noted(self, claim: Claim, context: Context) -> None:
        self.seen.append(await context.noted())

    async def _notes(self, claim: Claim, context: Context) -> None:
        self.seen += [note.text for note in await context.notes()]


def scripted(agent: Scripted, name: str = "a", *, slots: int = 4, capabilities: tuple[str, ...] = ()) -> Declared:
    """Declare it."""
    return Declared(AgentCard(name=name, slots=slots, capabilities=capabilities), lambda settings: agent)


def write_files(settings: Settings, count: int = 3, lines: int = 20) -> list[str]:
    """Files of numbered lines in the workspace; returns their names."""
    names = [f"f{number}.txt" for number in range(count)]
    for name in names:
        text = "".join(f"line {line} of {name}\n" for line in range(lines))
        (Path(settings.workspace) / name).write_text(text)
    return names
