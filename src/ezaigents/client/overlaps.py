"""Who is at the same files. Job: what running tasks said of theirs, as paths with more than one task; pure but to read.

It warns and stops nobody; what stops is a file lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from ezaigents.team import CHANGED, MEANS, READ

if TYPE_CHECKING:
    from ezaigents.client.client import Client
    from ezaigents.team import Touched

_SHOWN_MOST = 500


class AtFile(msgspec.Struct, frozen=True, kw_only=True):
    """A task at a file. `how`: "means to change", "has read" or "has changed"."""

    task: str
    agent: str
    how: str


class SharedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file at which several tasks are, of which at least one changes it or means to."""

    path: str
    tasks: list[AtFile]


async def shared_files(client: Client) -> list[SharedFile]:
    """The files at which several running tasks are, at most 500. Raises EngineDown."""
    ids = [one.decode() for one in await client.queue.read("ZRANGE", client.queue.keys.leased(), 0, -1)]
    return shared(await client.team.radar.files(ids))[:_SHOWN_MOST]


def shared(touched: Mapping[str, Touched]) -> list[SharedFile]:
    """The same, from what tasks said, by path; those of one task alone, and those only read, are left out."""
    at: dict[tuple[str, str], dict[str, AtFile]] = {}
    for task, files in touched.items():
        for how, paths in ((READ, files.reads), (MEANS, files.means), (CHANGED, files.writes)):
            for path in paths:
                at.setdefault((files.place, path), {})[task] = AtFile(task=task, agent=files.agent, how=how)
    return [
        SharedFile(path=path, tasks=list(tasks.values()))
        for (_, path), tasks in sorted(at.items())
        if len(tasks) > 1 and any(one.how != READ for one in tasks.values())
    ]
