"""Scripted agents that edit files: what the edit benchmark runs. No model is asked; thinking is a sleep.

A task's payload is the lines to insert: [[path, line number, text], ...]. A task takes `steps` steps of `step_s` each,
as a model's calls would: it reads its files in the first and writes in the last. Where a file was changed meanwhile it
is given the difference, and takes one more step to write again. Not here: what is measured (edits.py).
"""

from __future__ import annotations

import asyncio

import msgspec

from ezaigents.agents import Context, Declared
from ezaigents.records import AgentCard, Claim, Result
from ezaigents.settings import Settings
from ezaigents.workspace import Reading, StaleWrite

Insertion = tuple[str, int, str]


class Editor:
    """Reads its files, thinks, inserts its lines, and proposes the change."""

    def __init__(self, steps: int, step_s: float) -> None:
        self._steps = steps
        self._step_s = step_s

    async def run(self, claim: Claim, context: Context) -> Result:
        insertions = msgspec.json.decode(claim.payload, type=list[Insertion])
        read = {path: context.files.read(path) for path, _, _ in insertions}
        await asyncio.sleep(self._steps * self._step_s)
        stale = 0
        for path, number, text in insertions:
            while not _inserted(context, read[path], number, text):
                stale += 1
                await asyncio.sleep(self._step_s)
                read[path] = context.files.read(path)
        return context.propose(f"{stale} writes came too late and were made again")

    async def close(self) -> None:
        """Nothing is held."""


def _inserted(context: Context, read: Reading, number: int, text: str) -> bool:
    lines = read.data.split(b"\n")
    lines.insert(number, text.encode())
    try:
        context.files.write(read.path, b"\n".join(lines), expected=read.sha256)
    except StaleWrite:
        return False
    return True


def editors(count: int, steps: int, step_s: float) -> dict[str, Declared]:
    """`count` agents with one slot each."""

    def make(settings: Settings) -> Editor:
        return Editor(steps, step_s)

    names = [f"editor{number}" for number in range(count)]
    return {name: Declared(AgentCard(name=name, slots=1), make) for name in names}
