"""Two agents change the same file at the same time, and nobody's line is lost.

The agents are scripted: no model is asked. Each reads a shopping list, takes its time, and adds lines where it thinks
fit. Their patches are shown, and brought into the workspace one after the other; the second is merged, because it
touches other lines. A person then changes a line that a third patch is about: that is a conflict, and the person's
words stay.

    python examples/edit_together.py FOLDER      # an empty folder, made if needed; it keeps the list and the patches
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ezaigents import AgentCard, Claim, Client, Context, Declared, Fleet, Result, Settings, TaskKind, Wish

LIST = "".join(f"{number:02} {thing}\n" for number, thing in enumerate(("apples", "bread", "cheese", "dates", "eggs")))
NAME = "list.txt"


class Shopper:
    """Puts its own words behind one line."""

    def __init__(self, line: int, words: str) -> None:
        self._line = line
        self._words = words

    async def run(self, claim: Claim, context: Context) -> Result:
        """Read, think, change: the tree itself is not touched."""
        if claim.title != NAME:
            return Result(summary="nothing to add up")
        for overlap in await context.means_to_change(NAME):
            print(f"  {claim.agent} is told: {overlap.agent} {overlap.theirs} {overlap.path}")
        read = context.files.read(NAME)
        await asyncio.sleep(0.2)
        lines = read.data.decode().splitlines(keepends=True)
        lines[self._line] = lines[self._line].rstrip("\n") + f", {self._words}\n"
        context.files.write(NAME, "".join(lines).encode(), expected=read.sha256)
        return context.propose(f"said {self._words!r} on line {self._line}")

    async def close(self) -> None:
        """Nothing is held."""


def declared(name: str, line: int, words: str) -> Declared:
    """An agent and its card."""
    return Declared(AgentCard(name=name, slots=1), lambda settings: Shopper(line, words))


async def main(folder: Path) -> None:
    """Show it."""
    workspace = folder / "workspace"
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / NAME).write_text(LIST)
    settings = Settings(home=str((folder / "data").absolute()), workspace=str(workspace.absolute()))
    agents = {
        "ann": declared("ann", 0, "red ones"),
        "bob": declared("bob", 4, "twelve"),
        "cid": declared("cid", 2, "a large piece"),
    }
    async with Fleet(settings, agents=agents) as fleet, asyncio.TaskGroup() as group:
        group.create_task(fleet.run())
        async with Client.connect(settings) as client:
            print("three scripted agents change the same file at once (no model is asked)")
            tasks = await asyncio.gather(*[edited(client, name) for name in agents])
            print((settings.home_path / (await client.task(tasks[0])).patch).read_text())
            for task_id in tasks[:2]:
                outcome = await client.operator.apply(task_id, merge=True)
                print(f"{task_id}: {outcome.state}" + (", merged with what came before" if outcome.merged else ""))
            text = (workspace / NAME).read_text().replace("02 cheese", "02 no cheese this time")
            (workspace / NAME).write_text(text)
            outcome = await client.operator.apply(tasks[2], merge=True)
            print(f"{tasks[2]}: {outcome.state}: a person had changed that line; {outcome.why}")
            print((workspace / NAME).read_text(), end="")
        fleet.stop()


async def edited(client: Client, agent: str) -> str:
    """Hand the job in, wait for it, and return the id of the task that has the patch."""
    handed = await client.submit(Wish(prompt="Complete the list", paths=(NAME,), agent=agent, kind=TaskKind.EDIT))
    async for _ in client.watch(handed.run.id):
        pass
    return handed.specs[0].id


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
