"""Taking on work. Job: know which lanes have work and which slots are free, and claim to fill them, in one call.

Not its job: finding work that no hint told of (sweep.py), doing it (run.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from ezaigents.agents import Declared
from ezaigents.queue import Queue
from ezaigents.records import Claim, lane_of
from ezaigents.runtime.admission import Lane, admitted_tasks, plan_claims, rss_bytes
from ezaigents.runtime.pauses import Pauses

_log = logging.getLogger(__name__)
_LOOK_AGAIN_S = 1.0
"""After this long memory is measured again, or a claim that the engine refused is tried again."""
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
        pauses: Pauses,
        on_took: Took,
    ) -> None:
        self._queue = queue
        self._agents = agents
        self._places = places
        self._host = host
        self._boot = boot
        self._lease_s = lease_s
        self._memory_limit_bytes = memory_limit_bytes
        self._pauses = pauses
        self._on_took = on_took
        self._hungry: dict[str, Lane] = {}
        self._busy: dict[str, int] = {}
        self._running = 0
        self._idle_rss = 0
        self._claims_made = 0
        self._wake = asyncio.Event()
        self._again: asyncio.TimerHandle | None = None
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
        if self._pauses.holds(agent):
            return  # a sweep tells of its lanes again when the pause ends
        declared = self._agents.get(agent)
        if declared is not None and declared.can_work and place in self._places:
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
        if self._hungry:
            self._wake.set()

    def stop(self) -> None:
        """Claim nothing more; a claim under way is still answered through `on_took`."""
        self._stopped = True
        self._wake.set()
        if self._again is not None:
            self._again.cancel()

    async def run(self) -> None:
        """Claim whenever there is both work and room, until stopped."""
        while not self._stopped:
            await self._wake.wait()
            self._wake.clear()
            while not self._stopped and (plan := self._plan()):
                try:
                    await self._claim(plan)
                except Exception as error:  # noqa: BLE001 - one damaged record must not end the other agents' work
                    _log.error("no task could be claimed: %s", error)
                    self._hungry.update({lane.name: lane for lane, _ in plan})
                    self._look_again()
                    break

    def _plan(self) -> list[tuple[Lane, int]]:
        if not self._hungry:
            return []
        agents = {lane.agent for lane in self._hungry.values()}
        free = {name: self._agents[name].card.slots - self._busy.get(name, 0) for name in agents}
        rss = rss_bytes()
        if self._running == 0:
            self._idle_rss = rss
        room = admitted_tasks(
            rss=rss,
            idle_rss=self._idle_rss,
            budgeted=sum(count * self._agents[name].card.task_bytes for name, count in self._busy.items()),
            limit=self._memory_limit_bytes,
            task_bytes=max(self._agents[name].card.task_bytes for name in agents),
            running=self._running,
        )
        if room == 0:
            self._look_again()
        return plan_claims(self._hungry.values(), free, running=self._running, room=room)

    def _look_again(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._again = asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._wake.set)

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
            self._busy[claim.agent] = self._busy.get(claim.agent, 0) + 1
            lane_name = lane_of(claim.agent, claim.place)
            got[lane_name] = got.get(lane_name, 0) + 1
        self._running += len(claims)
        # A lane that gave all that was asked for may have more; it goes behind the others. A quarantine lane that
        # gave its suspect is such a one, so nothing else is claimed while that runs.
        self._hungry.update({lane.name: lane for lane, count in plan if got.get(lane.name.rstrip("!"), 0) >= count})
        self._on_took(claims, sent_at)
