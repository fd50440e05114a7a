"""What the engine holds of each agent. Job: names of its own keys, and its share of the tasks; pure.

An idle agent is a line on its host's card and has no key of its own. Not its job: asking the engine (keys).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ezaigents.monitor.keys import TASK, Sized
from ezaigents.monitor.sample import KeyRow

_AGENTS_MOST = 64
_LANES_MOST = 128
_OF_AGENTS = ("recent:", "read:", "messages:")
_USER = "user"


def named_keys(agents: Sequence[str], lanes: Sequence[str]) -> dict[str, list[str]]:
    """Keys that are known by name, by sort: the lanes with work, and mailboxes, unless there are very many."""
    named: dict[str, list[str]] = {}
    if len(lanes) <= _LANES_MOST:
        named["ready:"] = [f"ready:{lane}" for lane in lanes]
    if len(agents) <= _AGENTS_MOST:
        named |= {sort: [f"{sort}{agent}" for agent in (*agents, _USER)] for sort in _OF_AGENTS}
    return named


def bytes_by_agent(
    agents: Sequence[str], rows: Sequence[KeyRow], sized: Mapping[str, Sequence[Sized]]
) -> dict[str, tuple[int, bool]]:
    """Bytes of each agent, and whether that is an estimate: its lanes and mailbox, and its share of the tasks."""
    found = dict.fromkeys(agents, 0)
    estimated = set[str]()
    for sort in ("ready:", *_OF_AGENTS):
        for one in sized.get(sort, ()):
            agent = one.name[len(sort) :].partition("@")[0]
            if agent in found:
                found[agent] += one.bytes
    tasks = next((row for row in rows if row.sort == TASK), None)
    for one in sized.get(TASK, ()):
        if tasks is not None and one.owner in found:
            found[one.owner] += round(one.bytes * tasks.keys / tasks.sampled)
            if tasks.bytes_how == "estimated":
                estimated.add(one.owner)
    return {agent: (size, agent in estimated) for agent, size in found.items()}
