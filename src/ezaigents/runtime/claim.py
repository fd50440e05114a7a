"""Taking on work. Job: know which lanes have work and which slots are free, and claim to fill them, in one call.

Not its job: finding work that no hint told of (sweep.py), doing it (run.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from ezaigents.agents import Declared
from ezaigents.queue import Queue
from ezaigents.records import Claim
from ezaigents.runtime.admission import Lane, admitted_tasks, plan_claims, rss_bytes

_MEMORY_RETRY_S = 1.0
Took = Callable[[list[Claim], float], None]


class Claimer:
    """Claims for one host. `on_took(claims, sent_at)` starts them; `freed` gives their slots back.

    `sent_at` is the monotonic time before the claim was sent: the safe start of the leases.
    """

    def __init__(
        self,
        queue: Queue,
        agents: Mapping[str, Declared],
        places: frozenset[str],
        *,
        host: str,
        boot: str,
        lease_s: float,
        memory_limit_bytes: int,
        on_took: Took,
    ) -> None:
        self._queue = queue
        self._agents = agents
        self._places = places
        self._host = host
        self._boot = boot
        self._lease_s = lease_s
        self._memory_limit_bytes = memory_limit_bytes
        self._on_took = on_took
        self._hungry: dict[str, Lane] = {}
        self._busy: dict[str, int] = {}
        self._running = 0
        self._alone = False
        self._claims_made = 0
        self._wake = asyncio.Event()
        self._stopped = False

    @property
    def busy(self) -> Mapping[str, int]:
        """Running tasks by agent; agents without one are left out."""
        return self._busy

    def notice(self, lane_name: str) -> None:
        """A lane may have work."""
        if lane_name in self._hungry:
            return
        agent, _, place = lane_name.rstrip("!").rpartition("@")
        declared = self._agents.get(agent)
        if declared is not None and declared.factory is not None and place in self._places:
            self._hungry[lane_name] = Lane(lane_name, agent)
            self._wake.set()

    def freed(self, agent: str) -> None:
        """A task of this agent has ended."""
        left = self._busy[agent] - 1
        if left:
            self._busy[agent] = left
        else:
            del self._busy[agent]
        self._running -= 1
        if self._running == 0:
            self._alone = False
        if self._hungry:
            self._wake.set()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopped = True
        self._wake.set()

    async def run(self) -> None:
        """Claim whenever there is both work and room, until stopped."""
        while not self._stopped:
            await self._wake.wait()
            self._wake.clear()
            while not self._stopped and (plan := self._plan()):
                await self._claim(plan)

    def _plan(self) -> list[tuple[Lane, int]]:
        if not self._hungry or self._alone:
            return []
        agents = {lane.agent for lane in self._hungry.values()}
        free = {name: self._agents[name].card.slots - self._busy.get(name, 0) for name in agents}
        room = admitted_tasks(
            rss=rss_bytes(),
            limit=self._memory_limit_bytes,
            task_bytes=max(self._agents[name].card.task_bytes for name in agents),
            running=self._running,
        )
        if room == 0:
            asyncio.get_running_loop().call_later(_MEMORY_RETRY_S, self._wake.set)
        return plan_claims(self._hungry.values(), free, running=self._running, room=room)

    async def _claim(self, plan: list[tuple[Lane, int]]) -> None:
        self._claims_made += 1
        nonce = f"{self._boot}:{self._claims_made}"
        for lane, _ in plan:
            # Forgotten before the call, so that a hint that comes during it counts as new.
            del self._hungry[lane.name]
        sent_at = time.monotonic()
        claims = await self._queue.claim(
            nonce, self._host, round(self._lease_s * 1000), [(lane.name, count) for lane, count in plan]
        )
        got: dict[str, int] = {}
        for claim in claims:
            got[claim.agent] = got.get(claim.agent, 0) + 1
        for agent, count in got.items():
            self._busy[agent] = self._busy.get(agent, 0) + count
        self._running += len(claims)
        self._alone = bool(claims) and plan[0][0].quarantine
        if len(claims) == sum(count for _, count in plan):
            self._hungry.update({lane.name: lane for lane, _ in plan if lane.name not in self._hungry})
        elif len(plan) > 1:
            asked: dict[str, int] = {}
            for lane, count in plan:
                asked[lane.agent] = asked.get(lane.agent, 0) + count
            self._hungry.update({lane.name: lane for lane, _ in plan if got.get(lane.agent, 0) >= asked[lane.agent]})
        self._on_took(claims, sent_at)
