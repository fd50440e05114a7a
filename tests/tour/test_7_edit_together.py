"""Editing: a task changes an overlay, hands back a patch, and the workspace changes when that is applied."""

from __future__ import annotations

import asyncio

import pytest

from ezaigents import AgentCard, Claim, Client, Context, Declared, Fleet, Result, Settings, TaskKind, Wish

pytestmark = pytest.mark.functional


class Shouter:
    """Puts README.md in capitals."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Read with a hash, write with the same hash, propose."""
        if claim.title != "README.md":
            return Result()
        read = context.files.read("README.md")
        context.files.write("README.md", read.data.upper(), expected=read.sha256)
        return context.propose("capitals")

    async def close(self) -> None:
        """Nothing to let go of."""


def test_an_edit_is_a_proposal_until_it_is_applied(settings: Settings) -> None:
    """The tree is as it was while agents work; a patch is applied whole, unless somebody changed the file meanwhile."""
    readme = settings.workspace_path / "README.md"

    async def tour() -> None:
        agents = {"shouter": Declared(AgentCard(name="shouter"), lambda _settings: Shouter())}
        async with Fleet(settings, agents=agents) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            async with Client.connect(settings) as client:
                wish = Wish(prompt="Louder", paths=("README.md",), agent="shouter", kind=TaskKind.EDIT)
                first, second = await client.submit(wish), await client.submit(wish)
                for handed in (first, second):
                    async for _ in client.watch(handed.run.id):
                        pass
                assert readme.read_text() == "# Read me\n"

                applied = await client.operator.apply(first.specs[0].id)
                assert (applied.state, readme.read_text()) == ("applied", "# READ ME\n")

                readme.write_text("# Read me, please\n")
                refused = await client.operator.apply(second.specs[0].id)
                assert (refused.state, readme.read_text()) == ("conflict", "# Read me, please\n")
                assert [path for path, _ in refused.conflicts] == ["README.md"]
            fleet.stop()

    asyncio.run(tour())
