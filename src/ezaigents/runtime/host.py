"""A host: one process, many agents. Job: put the parts in motion and stop them in order. Not its job: any part's work.

Delivery, Sweeper --lane has work--> Claimer --claims--> run_attempt --outcome--> Settler --> queue
                                        ^                 ^       ^                  |
                                        |              Renewer   Post                |
                                        +-------------- slot is free <---------------+
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ezaigents.agents import Agent, Declared
from ezaigents.clock import Clock
from ezaigents.engine import Connection
from ezaigents.errors import EzError
from ezaigents.policy import RetryPolicy
from ezaigents.queue import Held, Queue, load_scripts
from ezaigents.records import PROVIDER, AgentCard, Answer, Claim, HostCard
from ezaigents.runtime.cache import Cache
from ezaigents.runtime.claim import Claimer
from ezaigents.runtime.context import RunContext
from ezaigents.runtime.delivery import Delivery
from ezaigents.runtime.health import Checkup, make_history
from ezaigents.runtime.heartbeat import Heartbeat, make_heartbeat
from ezaigents.runtime.pauses import Pauses
from ezaigents.runtime.post import Post
from ezaigents.runtime.renew import Renewer
from ezaigents.runtime.run import Attempt, Stop, run_attempt
from ezaigents.runtime.settle import Outcome, Settler
from ezaigents.runtime.sweep import Sweeper
from ezaigents.settings import Settings
from ezaigents.team import Team

if TYPE_CHECKING:
    from ezaigents.patches import Applier

_log = logging.getLogger(__name__)
_CLOSE_S = 10.0
_LAST_STEP_S = 1.0
_LEASE_MARGIN_S = 10.0
"""A run is stopped this long before the end of its lease, so that it is gone when another host may begin."""


class Host:
    """Runs the declared agents. `await start()`, then `await run()` until `stop()`; all in one event loop.

    `places`: workspace root by place id. `durability`: the engine's, where ours to configure. The connection is open,
    and the host's name is locked, by the caller. `cards`: the agents' cards as they are now, where keys that come and
    go change them. `providers_paused`: told which providers of models are paused. `halted`: told that all work is to
    stop at once, what belongs to no task too. `switched`: told that switches were chosen.
    """

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        queue: Queue,
        team: Team,
        make_applier: Callable[[], Applier],
        delivery: Delivery,
        cache: Cache,
        agents: Mapping[str, Declared],
        places: Mapping[str, Path],
        card: HostCard,
        clock: Clock,
        *,
        durability: str = "",
        cards: Callable[[], tuple[AgentCard, ...]] | None = None,
        providers_paused: Callable[[frozenset[str]], None] | None = None,
        halted: Callable[[], None] | None = None,
        switched: Callable[[], None] | None = None,
    ) -> None:
        self.card = card
        self._cards = cards
        self._providers_paused = providers_paused
        self._on_halted = halted
        self._on_switched = switched
        self._settings = settings
        self._connection = connection
        self._queue = queue
        self._team = team
        self._make_applier = make_applier
        self._applier: Applier | None = None
        self._delivery = delivery
        self._cache = cache
        self._clock = clock
        self._agents = agents
        self._places = places
        self._retry = RetryPolicy()
        self._made: dict[str, Agent] = {}
        self._running: dict[Held, Attempt] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._control = queue.keys.control(card.name)
        self._pauses = Pauses()
        self._post = Post(connection, queue, team, card.agents, pushed=settings.delivery == "push")
        self._book = make_history(settings)
        self._checkup = Checkup(
            self._book,
            settings.home_path,
            memory_limit_bytes=settings.memory_limit_bytes,
            durability=durability,
            durability_wanted=settings.engine_fsync if durability else "",
        )
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        self._exchanging: list[asyncio.Task[None]] = []
        self._guard: asyncio.TimerHandle | None = None
        self._halted_at = float("-inf")
        self._margin_s = min(_LEASE_MARGIN_S, settings.lease_s / 3)
        self._settler = Settler(queue, self._settled)
        self._renewer = Renewer(
            connection.address,
            queue.keys,
            load_scripts()["renew"],
            lease_s=settings.lease_s,
            every_s=settings.renew_s,
            on_renewed=self._renewed,
        )
        self._claimer = Claimer(
            queue,
            agents,
            frozenset(places),
            host=card.name,
            boot=card.boot,
            lease_s=settings.lease_s,
            memory_limit_bytes=settings.memory_limit_bytes,
            pauses=self._pauses,
            on_took=self._took,
        )
        self._sweeper = Sweeper(queue, settings, notice=self._claimer.notice, paused=self._on_paused)
        self._heartbeat = self._make_heartbeat(settings)

    @property
    def running(self) -> int:
        """Tasks being worked on."""
        return len(self._running)

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    async def start(self, *, started_in_ms: int = 0) -> None:
        """Take back what a former self held, announce, listen. After this, tasks are picked up once `run` runs.

        `started_in_ms`: what it took from the process's beginning until all else was ready.
        """
        self.card = msgspec.structs.replace(self.card, started_in_ms=started_in_ms)
        taken_back = await self._sweeper.reap_former_self(self.card.name)
        if taken_back:
            _log.warning("%d tasks of a former host %s were taken back", taken_back, self.card.name)
        await self._queue.answered(lambda: self._connection.listen(channel=self._control))
        await self._queue.answered(lambda: self._delivery.start(self._claimer.notice, self._sweeper.look))
        await self._team.registry.announce(self.card)

    async def run(self) -> None:
        """Work until `stop` was called and the running tasks have ended or were handed back."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            claiming = group.create_task(self._claimer.run())
            sweeping = group.create_task(self._sweeper.run())
            beating = group.create_task(self._beat())
            recovering = group.create_task(self._recover())
            self._look_at_switches()  # something may have been chosen while we started
            await self._stopping.wait()
            await self._wind_down(claiming, beating)
            # They end by themselves, unless they wait for an engine that is away.
            parts = [claiming, sweeping, beating, recovering, *self._exchanging]
            await asyncio.wait(parts, timeout=_LAST_STEP_S)
            for part in parts:
                part.cancel()

    def stop(self) -> None:
        """Claim nothing more; running tasks get `grace_s` seconds. A second call hands them back at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def on_heard(self, channel: str, text: str) -> None:
        """Something was published on a channel the shared connection listens to."""
        if channel == self._control:
            self._on_control(text)
        elif not self._post.on_heard(channel):
            self._delivery.on_heard(channel)

    def on_restored(self) -> None:
        """The connection to the engine stands again after a break."""
        self._sweeper.gap()
        self._post.on_restored()
        self._heartbeat.repeat()
        self._look_at_switches()  # we may not have heard of a choice

    def _look_at_switches(self) -> None:
        """Before it works there is nothing to exchange, and it looks when it begins; nor is there when it stops."""
        if self._on_switched is not None and self._group is not None and not self._stopping.is_set():
            self._on_switched()

    def take_delivery(self, delivery: Delivery, *, pushed: bool) -> None:
        """Learn of work this way from now on; what came while it changed is looked for."""
        assert self._group is not None
        self._delivery.stop()
        self._delivery = delivery
        self._post.exchange(pushed=pushed)
        self._exchanging.append(self._group.create_task(self._start_delivery(delivery)))
        self._sweeper.look()

    async def _start_delivery(self, delivery: Delivery) -> None:
        try:
            await self._queue.answered(lambda: delivery.start(self._claimer.notice, self._sweeper.look))
        except EzError as error:
            _log.warning("work may be found late, by sweeping: %s", error)

    def take_heartbeat(self, settings: Settings) -> None:
        """Beat as these settings say from now on, and once at once: it is not known what others know."""
        former, self._heartbeat = self._heartbeat, self._make_heartbeat(settings)
        self._heartbeat.repeat()
        former.stop()

    def _make_heartbeat(self, settings: Settings) -> Heartbeat:
        return make_heartbeat(settings, self._team.registry, self._card_now, self._checkup, self._clock)

    async def _beat(self) -> None:
        """Beat until stopped, by whichever heartbeat is in force."""
        former = None
        while former is not self._heartbeat:
            former = self._heartbeat
            await former.run()

    async def _wind_down(self, claiming: asyncio.Task[None], beating: asyncio.Task[None]) -> None:
        self._claimer.stop()
        self._sweeper.stop()
        self._delivery.stop()
        if self._running:
            _log.info("stopping: %d tasks have up to %g s to end", len(self._running), self._settings.grace_s)
        await self._wait_for_work(claiming, self._settings.grace_s)
        for attempt in list(self._running.values()):
            attempt.interrupt(Stop.SHUTDOWN)
        self._hurry.clear()
        await self._wait_for_work(claiming, self._settings.lease_s)
        for attempt in self._running.values():
            _log.error("task %s has not ended or could not be handed back; left to its lease", attempt.claim.id)
        for name, agent in self._made.items():
            await _close(name, agent)
        self._renewer.stop()
        if self._guard is not None:
            self._guard.cancel()
        self._heartbeat.stop()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_LAST_STEP_S):
                await asyncio.wait([beating])  # a late beat must not bring the card back
                await self._team.close()
                await self._team.registry.leave(self.card.name)

    async def _wait_for_work(self, claiming: asyncio.Task[None], limit_s: float) -> None:
        """Until no claim is under way and no task runs; a hurry, or the limit, ends it sooner."""
        waits = [asyncio.ensure_future(self._work_is_over(claiming)), asyncio.ensure_future(self._hurry.wait())]
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _work_is_over(self, claiming: asyncio.Task[None]) -> None:
        await asyncio.wait([claiming])
        while self._running:
            self._idle.clear()
            await self._idle.wait()

    # -- claims in, outcomes out ---------------------------------------------------------------------------------

    def _took(self, claims: list[Claim], sent_at: float) -> None:
        assert self._group is not None
        attempts = [Attempt(claim, sent_at + self._settings.lease_s) for claim in claims]
        self._stop_former(claims)
        self._renewer.took([attempt.held for attempt in attempts])
        for attempt in attempts:
            self._running[attempt.held] = attempt
            if self._stopping.is_set():
                attempt.interrupt(Stop.SHUTDOWN)  # the answer to a claim that was under way when we stopped
            elif sent_at <= self._halted_at:
                attempt.interrupt(Stop.HALTED)
            attempt.task = self._group.create_task(self._work(attempt))
        if self._guard is None and attempts:
            self._set_guard()

    def _stop_former(self, claims: list[Claim]) -> None:
        """A task that comes to us again while we work on it was taken from us: only the new attempt counts."""
        for claim in claims:
            fence = self._renewer.held.get(claim.id)
            former = None if fence is None else self._running.get(Held(claim.id, fence))
            if former is not None:
                former.interrupt(Stop.LOST)

    async def _work(self, attempt: Attempt) -> None:
        claim = attempt.claim
        context = RunContext(
            claim,
            self._queue,
            self._settings,
            self._places[claim.place],
            self._cache,
            self._clock,
            self._team,
            self._post,
            self._pauses,
        )
        outcome = await run_attempt(
            attempt,
            lambda: self._agent(claim.agent),
            context,
            self._applier_of_place,
            retry=self._retry,
            luck=random.random,
        )
        attempt.task = None  # an interruption that comes now must not take the outcome along
        if not context.holds_nothing:
            await self._let_go(context, outcome)
        if outcome is None:
            self._ended(attempt)
        else:
            self._settler.settle(outcome)

    async def _let_go(self, context: RunContext, outcome: Outcome | None) -> None:
        """Give back what the attempt held besides its claim, in the background where the engine stands still.

        A stop does not wait for that: what is not given back ends by itself.
        """
        closing = asyncio.ensure_future(context.close(ended=outcome is not None and outcome.verb == "finish"))
        closing.add_done_callback(self._let_gone)
        self._closing.add(closing)
        await asyncio.wait([closing], timeout=self._margin_s)

    def _let_gone(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled() and (error := closing.exception()):
            _log.warning("what an attempt held is left to its time: %s", error)

    def _agent(self, name: str) -> Agent:
        made = self._made.get(name)
        if made is None:
            factory = self._agents[name].factory
            assert factory is not None
            made = self._made[name] = factory(self._settings)
        return made

    def _settled(self, outcome: Outcome, answer: Answer | None) -> None:
        if answer is not Answer.OK:
            _log.warning("task %s: %s was not taken (%s)", outcome.held.id, outcome.verb, answer)
        attempt = self._running.get(outcome.held)
        if attempt is not None:
            if outcome.verb == "finish":
                self._book.succeeded(attempt.agent_name)
            elif outcome.verb in ("fail", "retry"):
                self._book.failed(attempt.agent_name, outcome.error)
            self._ended(attempt)

    def _ended(self, attempt: Attempt) -> None:
        del self._running[attempt.held]
        self._renewer.dropped(attempt.held)
        self._claimer.freed(attempt.agent_name)
        if not self._running:
            self._idle.set()

    # -- keeping and losing claims -------------------------------------------------------------------------------

    def _renewed(self, sent_at: float, held: list[Held], answers: list[bytes]) -> None:
        for claim, answer in zip(held, answers, strict=True):
            attempt = self._running.get(claim)
            if attempt is None:
                continue
            if answer in (b"OK", b"CANCEL"):
                attempt.lease_end = sent_at + self._settings.lease_s
            if answer == b"CANCEL":
                attempt.interrupt(Stop.CANCELLED)
            elif answer != b"OK":
                attempt.interrupt(Stop.LOST)

    def _set_guard(self) -> None:
        """One timer for all leases: stop each run whose lease, by our own clock, is about to end."""
        self._guard = None
        if not self._running:
            return
        now_s = time.monotonic()
        first_end = now_s + self._settings.lease_s
        for attempt in self._running.values():
            if attempt.lease_end - self._margin_s <= now_s:
                if attempt.stop is None:
                    _log.warning("task %s: its claim could not be renewed in time; stopped", attempt.claim.id)
                attempt.interrupt(Stop.LAPSED)
            else:
                first_end = min(first_end, attempt.lease_end)
        delay_s = max(0.01, first_end - self._margin_s - now_s)
        self._guard = asyncio.get_running_loop().call_later(delay_s, self._set_guard)

    def _on_control(self, text: str) -> None:
        word, *rest = text.split(" ")
        if word == "stop":
            self.stop()
        elif word == "halt":
            self._halt()
        elif word == "keys":
            self._heartbeat.look_now()
        elif word == "switches":
            self._look_at_switches()
        elif word in ("cancel", "deadline") and len(rest) == 2 and rest[1].isdigit():
            attempt = self._running.get(Held(rest[0], int(rest[1])))
            if attempt is not None:
                attempt.interrupt(Stop.CANCELLED if word == "cancel" else Stop.DEADLINE)

    def _on_paused(self, names: Collection[str]) -> None:
        self._pauses.update(names)
        if self._providers_paused is not None:
            self._providers_paused(
                frozenset(name.removeprefix(PROVIDER) for name in names if name.startswith(PROVIDER))
            )

    def _card_now(self) -> HostCard:
        """The host's card; agents that can work now, and could not before, are offered work at the next look."""
        if self._cards is not None and (cards := self._cards()) != self.card.agents:
            self.card = msgspec.structs.replace(self.card, agents=cards)
            for card in cards:
                self._agents[card.name].card = card
            self._sweeper.look()
        return self.card

    def _halt(self) -> None:
        """An operator stopped all work: hand everything back now; the pause that came with it keeps it from us."""
        _log.warning("all work was stopped: %d running tasks are handed back", len(self._running))
        self._halted_at = time.monotonic()
        if self._on_halted is not None:
            self._on_halted()
        self._sweeper.look()
        for attempt in list(self._running.values()):
            attempt.interrupt(Stop.HALTED)

    def _applier_of_place(self) -> Applier:
        """Made (and its modules loaded) when the first patch is applied."""
        if self._applier is None:
            self._applier = self._make_applier()
        return self._applier

    async def _recover(self) -> None:
        """Bring applies to an end that a crash left half done."""
        if not self._settings.applies_path.is_dir():
            return
        try:
            await self._applier_of_place().recover()
        except Exception:  # noqa: BLE001 - the host has other work, and `ez apply` can still do it
            _log.exception("what was left half applied could not be looked at")


async def _close(name: str, agent: Agent) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await agent.close()
    except Exception:  # noqa: BLE001 - the others are to be closed too
        _log.exception("agent %s could not be closed", name)
