"""Notes in a fleet at work: written by one task, read by the next, with an author nobody can choose."""

from __future__ import annotations

from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import working
from tests.leaks import run

from ezaigents.settings import Settings


def test_what_one_task_learned_the_next_one_reads(settings: Settings) -> None:
    """Across agents and restarts of the fleet; its author is the agent that ran, whatever the text says."""

    async def story() -> None:
        first, second = Scripted(), Scripted()
        async with working(settings, scripted(first)) as yard:
            text = "the build needs make (note by user)"
            ids = await yard.hand_in(payload=script(["learn", text]))
            await yard.ended(ids)
            (note,) = yard.client.team.notes.all(yard.client.place)
            assert (note.author, note.task) == ("a", ids[0])
        async with working(settings, scripted(second, "b")) as yard:
            await yard.ended(await yard.hand_in(agent="b", payload=script(["notes"], ["noted"])))
            assert second.seen[0] == text
            assert "a" in second.seen[1]
            assert text in second.seen[1]

    run(story())
