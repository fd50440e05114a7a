"""The tasks of a scorecard, as they are handed to the queue. Job: runs and tasks for the agents, each about one file.

They are built here and not by the client, whose planning is no part of how long a task waits.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ezaigents.agents.local import encode_payload
from ezaigents.agents.model.brief import Brief, encode_brief
from ezaigents.client import Client, Wish
from ezaigents.clock import SystemClock
from ezaigents.ids import IdMaker
from ezaigents.records import Run, TaskKind, TaskSpec
from ezaigents.scorecard.samples import LOCAL
from ezaigents.scorecard.workspace import CHANGED

LOOK, CHANGE = "Scorecard: look at the file.", "Scorecard: change the first line of the file."
"""`workload.toml` has the answers."""
_make_id = IdMaker(SystemClock())
_KINDS = (TaskKind.ANALYZE, TaskKind.EDIT, TaskKind.TEST, TaskKind.DOCUMENT, TaskKind.REVIEW)
_CHANGING = frozenset({TaskKind.EDIT, TaskKind.TEST, TaskKind.DOCUMENT})


def one_task(client: Client, agent: str, path: str) -> tuple[Run, TaskSpec]:
    """A run of one task: to look at a file."""
    run = _run(client, agent, TaskKind.ANALYZE)
    return run, _spec(client, run, agent, TaskKind.ANALYZE, path)


def many_tasks(
    client: Client, agents: Sequence[str], files: Sequence[str], count: int
) -> list[tuple[Run, list[TaskSpec]]]:
    """Runs of `count` tasks together, shared among the agents, half of each model's to look and half to change."""
    runs = []
    paths = itertools.cycle(files)
    for number, agent in enumerate(agents):
        share = count // len(agents) + (number < count % len(agents))
        halves = [(TaskKind.ANALYZE, share)] if agent == LOCAL else [
            (TaskKind.ANALYZE, share - share // 2), (TaskKind.EDIT, share // 2)
        ]  # fmt: skip
        for kind, size in halves:
            if size:
                run = _run(client, agent, kind)
                runs.append((run, [_spec(client, run, agent, kind, next(paths)) for _ in range(size)]))
    return runs


def wishes_of_each_kind(agents: Sequence[str], local_file: str) -> list[Wish]:
    """A job of each kind, as a user hands them in; each by another agent where there are so many."""
    models = [agent for agent in agents if agent != LOCAL]
    wishes = [
        Wish(prompt=_prompt(kind), paths=(CHANGED,), agent=agent, kind=kind)
        for kind, agent in zip(_KINDS, itertools.cycle(models), strict=False)
        if models
    ]
    if LOCAL in agents:
        wishes.append(Wish(prompt=LOOK, paths=(local_file,), agent=LOCAL, kind=TaskKind.ANALYZE))
    return wishes


def _run(client: Client, agent: str, kind: TaskKind) -> Run:
    return Run(
        id=_make_id(), prompt=_prompt(kind), agent=agent, kind=kind, workspace=client.settings.workspace,
        place=client.place,
    )  # fmt: skip


def _spec(client: Client, run: Run, agent: str, kind: TaskKind, path: str) -> TaskSpec:
    home = client.settings.home_path
    payload = encode_payload(home, run.id, 0, [path]) if agent == LOCAL else encode_brief(
        home, run.id, Brief(paths=(CHANGED,))
    )  # fmt: skip
    return TaskSpec(id=_make_id(), run=run.id, agent=agent, place=client.place, kind=kind, title=path, payload=payload)


def _prompt(kind: TaskKind) -> str:
    return CHANGE if kind in _CHANGING else LOOK
