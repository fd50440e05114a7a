"""Processes that apply a patch and kill themselves at the n-th step that changes a file.

`python -m tests.chaos.dying_applier client SETTINGS N TASK`: applies the patch of a task, as `ez apply` does.
`python -m tests.chaos.dying_applier host SETTINGS N`: a host whose attempts apply their own patches; it says `up`.
N = 0 never dies. Each time the scripted agent is called, a line is added to `calls` beside the data folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from ezaigents.agents import Context, Declared
from ezaigents.client import Client
from ezaigents.patches import Applier
from ezaigents.queue import Queue
from ezaigents.records import AgentCard, Claim, Result
from ezaigents.settings import Settings
from ezaigents.team import Team
from ezaigents.wiring import Fleet


def dying_at(count: int) -> Callable[[str], None]:
    """A step that kills this process when it is taken for the `count`-th time."""
    left = [count]

    def step(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


class Upper:
    """Puts `new ` before the text of three files, makes a fourth, deletes a fifth."""

    def __init__(self, settings: Settings) -> None:
        self._calls = Path(settings.home).parent / "calls"

    async def run(self, claim: Claim, context: Context) -> Result:
        with self._calls.open("a") as file:
            file.write(f"{claim.id}\n")
        for name in ("a.txt", "b.txt", "sub/c.txt"):
            read = context.files.read(name)
            context.files.write(name, b"new " + read.data, expected=read.sha256)
        context.files.write("made/d.txt", b"made\n", expected=None)
        context.files.delete("e.txt", expected=context.files.read("e.txt").sha256)
        return context.propose("five files changed")

    async def close(self) -> None:
        """Nothing is held."""


class DyingFleet(Fleet):
    """A fleet whose applier dies at a step."""

    def __init__(self, settings: Settings, count: int) -> None:
        super().__init__(settings, agents={"a": Declared(AgentCard(name="a", slots=1), Upper)})
        self._count = count

    def _make_applier(self, queue: Queue, team: Team, place: str) -> Applier:
        return Applier(queue, team.leases, self.settings, place, step=dying_at(self._count))


async def _as_client(settings: Settings, count: int, task_id: str) -> None:
    async with Client.connect(settings) as client:
        applier = Applier(client.queue, client.team.leases, settings, client.place, step=dying_at(count))
        await applier.apply(task_id)


async def _as_host(settings: Settings, count: int) -> None:
    async with DyingFleet(settings, count) as fleet:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.stop)
        os.write(1, b"up\n")
        await fleet.run()


def main(role: str, settings: str, count: str, *rest: str) -> None:
    """Be one of the two."""
    made = msgspec.json.decode(settings, type=Settings)
    asyncio.run(_as_client(made, int(count), rest[0]) if role == "client" else _as_host(made, int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
