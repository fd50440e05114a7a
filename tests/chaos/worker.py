"""A host under test: the product's own Fleet with an agent that does planned work, and a queue that takes notes.

Job: run until told to stop, or killed; write down claims, executions, effects and settlements. Half of the hosts are
stubborn: they ignore the loss of a claim and hand their result back late, as a zombie would.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.chaos.history import Began, Claimed, Effect, Event, EventLog, Fault, Phase, Settle, Up, now_s
from tests.chaos.workload import Work, work_of

from ezaigents.agents import Agent, Context, Declared, TaskFailed
from ezaigents.engine import Connection, EngineHandle, begin
from ezaigents.errors import EzError
from ezaigents.queue import Held, Keys, Queue, Script, load_scripts
from ezaigents.records import AgentCard, Answer, Claim, Result
from ezaigents.runtime.host import Host
from ezaigents.settings import Settings
from ezaigents.team import Team
from ezaigents.wiring import Fleet

AGENT = "worker"
_FOR_EVER_S = 1e9


class HostOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a host process is told. `history`: folder of the events; `effects`: the file of the effects.

    `proxy`: socket through which it reaches the engine, "" = none. `replaced`: guards taken out of scripts.
    `crash_at`: the named point at which it kills itself, "" = none (see CRASH_POINTS).
    """

    settings: Settings
    history: str
    effects: str
    slots: int = 4
    stubborn: bool = False
    proxy: str = ""
    replaced: dict[str, tuple[str, str]] = {}
    crash_at: str = ""


CRASH_POINTS = (
    "before_claim", "in_claim", "after_claim",
    "before_effect", "after_effect",
    "before_finish", "in_finish", "after_finish",
)  # fmt: skip


class Notes:
    """The events of one host, and the named points at which it may be told to die."""

    def __init__(self, options: HostOptions) -> None:
        self.host = options.settings.name
        self.who = f"{self.host}-{os.getpid()}"
        self.lease_s = options.settings.lease_s
        self._crash_at = options.crash_at
        self._log = EventLog(Path(options.history) / f"{self.who}.jsonl", self.who)
        self._effects = EventLog(Path(options.effects), self.who)

    def write(self, *events: Event) -> None:
        """Write events down."""
        self._log.write(*events)

    def had_effect(self, claim: Claim) -> None:
        """Have the effect: a line in a file that all hosts share."""
        self._effects.write(Effect(at=now_s(), who=self.who, task=claim.id, fence=claim.fence))

    def die(self) -> None:
        """Kill this process, as the kernel would."""
        self.write(Fault(at=now_s(), who=self.who, kind="kill", target=self.host))
        os.kill(os.getpid(), signal.SIGKILL)

    def reach(self, point: str) -> None:
        """Die if this is the point."""
        if self._crash_at == point:
            self.die()

    async def reach_during(self, point: str, call: asyncio.Task[Any]) -> None:
        """Die if this is the point: the engine has done what was asked, and nobody here has seen its answer."""
        if self._crash_at == point:
            await asyncio.wait([call])
            self.die()


class NotingQueue(Queue):
    """The queue as the host uses it, each call and answer written down."""

    def __init__(self, connection: Connection, keys: Keys, scripts: dict[str, Script], notes: Notes) -> None:
        super().__init__(connection, keys, scripts=scripts, patience_s=_FOR_EVER_S)
        self._notes = notes

    async def claim(self, nonce: str, host: str, lease_ms: int, wants: Iterable[tuple[str, int]]) -> list[Claim]:
        notes = self._notes
        notes.reach("before_claim")
        asked_at = now_s()
        call = asyncio.ensure_future(super().claim(nonce, host, lease_ms, wants))
        await notes.reach_during("in_claim", call)
        claims = await call
        notes.write(
            *[
                Claimed(
                    at=now_s(), who=notes.who, host=host, task=c.id, fence=c.fence,
                    asked_at=asked_at, lease_s=notes.lease_s,
                )
                for c in claims
            ]
        )  # fmt: skip
        if claims:
            notes.reach("after_claim")
        return claims

    async def finish(self, done: Sequence[tuple[Held, Result]]) -> list[Answer]:
        notes, held = self._notes, [held for held, _ in done]
        notes.reach("before_finish")
        self._sent("finish", held)
        call = asyncio.ensure_future(super().finish(done))
        await notes.reach_during("in_finish", call)
        answers = self._answered("finish", held, await call)
        notes.reach("after_finish")
        return answers

    async def fail(self, failed: Sequence[tuple[Held, str]], spent: Mapping[Held, Result] = {}) -> list[Answer]:
        held = self._sent("fail", [held for held, _ in failed])
        return self._answered("fail", held, await super().fail(failed, spent))

    async def retry(self, failed: Sequence[tuple[Held, int, str]], spent: Mapping[Held, Result] = {}) -> list[Answer]:
        held = self._sent("retry", [held for held, _, _ in failed], [delay_ms for _, delay_ms, _ in failed])
        return self._answered("retry", held, await super().retry(failed, spent))

    async def release_for(self, held: Sequence[tuple[Held, int, str]]) -> list[Answer]:
        sent = self._sent("release", [one for one, *_ in held])
        return self._answered("release", sent, await super().release_for(held))

    def _sent(self, verb: str, held: Sequence[Held], delays_ms: Sequence[int] = ()) -> Sequence[Held]:
        delays = delays_ms or [0] * len(held)
        pairs = zip(held, delays, strict=True)
        self._notes.write(*[self._event_of(Phase.INVOKE, verb, claim, delay_ms) for claim, delay_ms in pairs])
        return held

    def _answered(self, verb: str, held: Sequence[Held], answers: list[Answer]) -> list[Answer]:
        for claim, answer in zip(held, answers, strict=True):
            phase = Phase.OK if answer is Answer.OK else Phase.FAIL
            self._notes.write(self._event_of(phase, verb, claim))
        return answers

    def _event_of(self, phase: Phase, verb: str, claim: Held, delay_ms: int = 0) -> Settle:
        return Settle(
            at=now_s(), who=self._notes.who, phase=phase, verb=verb,
            task=claim.id, fence=claim.fence, delay_ms=delay_ms,
        )  # fmt: skip


class PlannedAgent:
    """Does what the task's payload plans."""

    def __init__(self, notes: Notes, *, stubborn: bool) -> None:
        self._notes = notes
        self._stubborn = stubborn

    async def run(self, claim: Claim, context: Context) -> Result:
        work, notes = work_of(claim.payload), self._notes
        notes.write(Began(at=now_s(), who=notes.who, task=claim.id, fence=claim.fence, attempt=claim.attempt))
        if work.poison:
            notes.die()
        await self._spend(work)
        if work.fatal:
            raise TaskFailed("told to")
        if claim.attempt - claim.crashes <= work.fails:
            raise TaskFailed("told to", retryable=True)
        notes.reach("before_effect")
        notes.had_effect(claim)
        notes.reach("after_effect")
        return Result(summary="done")

    async def close(self) -> None:
        """Nothing is held."""

    async def _spend(self, work: Work) -> None:
        end_s = time.monotonic() + work.ms / 1000
        if work.cpu:
            if work.ms / 1000 > self._notes.lease_s / 4:
                self._notes.write(Fault(at=now_s(), who=self._notes.who, kind="stall", target=self._notes.host))
            while time.monotonic() < end_s:
                pass
        while (left_s := end_s - time.monotonic()) > 0:
            try:
                await asyncio.sleep(left_s)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self._stubborn or task is None:
                    raise
                task.uncancel()


class _Starting:
    """The engine, reached through a proxy's socket."""

    def __init__(self, settings: Settings, proxy: str) -> None:
        self._settings = settings
        self._proxy = proxy

    def ready(self) -> EngineHandle:
        handle = begin(self._settings).ready()
        handle.address = msgspec.structs.replace(handle.address, path=self._proxy)
        return handle


class NotingFleet(Fleet):
    """The Fleet with the noting queue in the place of the plain one."""

    def __init__(self, options: HostOptions, notes: Notes) -> None:
        def make(settings: Settings) -> Agent:
            return PlannedAgent(notes, stubborn=options.stubborn)

        declared = Declared(AgentCard(name=AGENT, slots=options.slots), make)
        starting = _Starting(options.settings, options.proxy) if options.proxy else None
        super().__init__(options.settings, agents={AGENT: declared}, starting=starting)
        self._notes = notes
        self._scripts = load_scripts(options.replaced)

    def _make_host(
        self, identity: str, connection: Connection, queue: Queue, team: Team, simulated_at: str = ""
    ) -> Host:
        noting = NotingQueue(connection, queue.keys, self._scripts, self._notes)
        return super()._make_host(identity, connection, noting, team, simulated_at)


def run_host(options: HostOptions) -> None:
    """Be a host until SIGTERM; returns when it has wound down. Exits with the error's code as `ez up` does."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        asyncio.run(_run(options))
    except EzError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


async def _run(options: HostOptions) -> None:
    notes = Notes(options)
    async with NotingFleet(options, notes) as fleet:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.stop)
        engine = fleet.engine
        up = Up(
            at=now_s(), who=notes.who, name=notes.host, pid=os.getpid(),
            engine_pid=engine.pid or 0, adopted=engine.adopted,
        )  # fmt: skip
        notes.write(up)
        os.write(1, msgspec.json.encode({"up": up.pid, "engine_pid": up.engine_pid, "adopted": up.adopted}) + b"\n")
        await fleet.run()
