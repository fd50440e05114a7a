"""Who is there, as somebody on this machine can tell. Job: each host of the last hour, and how it is.

The registry knows when a host was last seen; the lock files of this data folder know at once when a host has ended.
"""

from __future__ import annotations

import asyncio
import os

import msgspec

from ezaigents.engine import living_hosts
from ezaigents.queue import Queue
from ezaigents.records import HostCard
from ezaigents.settings import Settings
from ezaigents.team import Presence, Seen, State, Team, presence


class Member(msgspec.Struct, frozen=True):
    """A host as last heard of, and how it is now."""

    seen: Seen
    presence: Presence

    @property
    def lives(self) -> bool:
        """False once it is gone."""
        return self.presence.state is not State.GONE


async def look_round(queue: Queue, team: Team, settings: Settings, *, at_once: bool = False) -> list[Member]:
    """Every host heard of within the hour, by name. Raises EngineDown when the engine stays away, or `at_once`."""
    rows = await (team.registry.hosts() if at_once else queue.answered(team.registry.hosts))
    here = await asyncio.to_thread(living_hosts, settings.home_path)
    members = []
    for seen in rows:
        state = presence(seen)
        if is_here(seen.card, settings):
            # The lock says more than silence does, either way: a host that waits for its engine is not gone.
            if seen.card.name not in here:
                state = Presence(State.GONE, "its process has ended without leaving")
            elif state.state is State.GONE:
                state = Presence(State.DEGRADED, f"it lives, and says nothing: {state.why}")
        members.append(Member(seen, state))
    return members


def is_here(card: HostCard, settings: Settings) -> bool:
    """Say whether a host is of this machine and this data folder, so that its lock file tells whether it lives."""
    return (card.node, card.home) == (os.uname().nodename, settings.home)
