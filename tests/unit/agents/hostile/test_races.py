"""Links that change while a tool is at work."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.agents.hostile.world import World

from ezaigents.agents.tools import Outcome, Toolbox
from ezaigents.providers.transcript import ToolCall

_TRIES = 150
_CALLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("read", {"path": "swap/canary.txt"}),
    ("search", {"path": "swap", "pattern": "."}),
    ("search", {"pattern": "aws_secret|harmless"}),
    ("write", {"path": "swap/canary.txt", "content": "pwned"}),
    ("edit", {"path": "swap/canary.txt", "sha256": "0" * 64, "edits": [{"old": "a", "new": "b"}]}),
    ("rename", {"path": "swap/canary.txt", "to": "swap/other.txt", "sha256": "0" * 64}),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@contextmanager
def _swapping(world: World) -> Iterator[None]:
    """Meanwhile `swap` is now a folder of the workspace, now a link that leads out, as fast as it goes."""
    folder, link, swap = world.root / "real", world.root / "false", world.root / "swap"
    folder.mkdir()
    (folder / "canary.txt").write_text("harmless\n")
    link.symlink_to("../outside")
    is_over = threading.Event()

    def flip() -> None:
        while not is_over.is_set():
            for one in (folder, link):
                one.rename(swap)
                swap.rename(one)

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize(("tool", "fields"), _CALLS, ids=[f"{tool}-{n}" for n, (tool, _) in enumerate(_CALLS)])
def test_a_link_swapped_meanwhile_leads_nowhere(world: World, tool: str, fields: dict[str, object]) -> None:
    """Wherever a name leads when it is looked at and when it is used: no secret is shown, nothing outside changes."""
    outside = _contents(world)
    attempt = world.attempt()
    box = Toolbox(attempt)
    call = ToolCall(id="c", name=tool, arguments=json.dumps(fields))

    async def story() -> list[Outcome]:
        return [await box.use(call) for _ in range(_TRIES if tool != "search" else _TRIES // 15)]

    with _swapping(world):
        outcomes = asyncio.run(story())
    attempt.files.close()
    assert not any(world.canary in outcome.text for outcome in outcomes)
    assert _contents(world) == outside


def _contents(world: World) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in world.outside.rglob("*") if path.is_file()}
