"""The tools in a real host: over its context, with its files, its radar and its notes."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from tests.integration.coordination.scripted import scripted
from tests.integration.runtime.fleets import working
from tests.leaks import run

from ezaigents.agents import Context
from ezaigents.agents.tools import Outcome, Toolbox
from ezaigents.providers.transcript import ToolCall
from ezaigents.records import Claim, PatchState, Result
from ezaigents.settings import Settings


class Caller:
    """Makes the calls of its payload, `[[name, {fields}], ...]`; "SHA" is the hash that was answered last."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    async def run(self, claim: Claim, context: Context) -> Result:
        box = Toolbox(context)
        sha256 = ""
        for name, fields in msgspec.json.decode(claim.payload, type=list[tuple[str, dict[str, object]]]):
            arguments = json.dumps(fields).replace("SHA", sha256)
            outcome = await box.use(ToolCall(id="c", name=name, arguments=arguments))
            self.outcomes.append(outcome)
            if "sha256: " in outcome.text:
                sha256 = outcome.text.split("sha256: ")[1][:64]
        return context.propose("as was called")

    async def close(self) -> None:
        """Nothing is held."""


def _calls(*calls: tuple[str, dict[str, object]]) -> str:
    return json.dumps(calls)


def test_calls_become_a_patch(settings: Settings) -> None:
    """What a model reads, searches, edits and makes ends in a patch that can be applied; the tree changes only then."""
    place = Path(settings.workspace) / "a.py"
    place.write_text("x = 1\n")
    payload = _calls(
        ("list", {}),
        ("read", {"path": "a.py"}),
        ("edit", {"path": "a.py", "sha256": "SHA", "edits": [{"old": "1", "new": "2"}]}),
        ("write", {"path": "sub/new.py", "content": "needle\n"}),
        ("search", {"pattern": "needle|x = "}),
        ("note", {"text": "tests need TZ=UTC"}),
    )

    async def story() -> None:
        caller = Caller()
        async with working(settings, scripted(caller)) as yard:  # type: ignore[arg-type]
            (task,) = await yard.ended(await yard.hand_in(payload=payload))
            assert [outcome.failed for outcome in caller.outcomes] == [False] * 6
            assert "a.py:1: x = 2\nsub/new.py:1: needle\n" in caller.outcomes[4].text
            assert (task.state.value, task.patch_state) == ("done", PatchState.PROPOSED)
            assert place.read_text() == "x = 1\n"
            await yard.client.operator.apply(task.id)
            assert place.read_text() == "x = 2\n"

    run(story())


def test_the_data_folder_is_closed(settings: Settings) -> None:
    """No call shows the fleet's own files, by whatever name."""
    (Path(settings.workspace) / "link").symlink_to(settings.home)
    payload = _calls(
        ("read", {"path": settings.home + "/token"}),
        ("list", {"path": "link"}),
        ("search", {"pattern": ".", "path": "link"}),
        ("write", {"path": "link/x", "content": ""}),
    )

    async def story() -> None:
        caller = Caller()
        async with working(settings, scripted(caller)) as yard:  # type: ignore[arg-type]
            await yard.ended(await yard.hand_in(payload=payload))
            assert [outcome.failed for outcome in caller.outcomes] == [True] * 4

    run(story())
