"""Handing in: jobs become runs, and runs go to the queue, many in one call. Job: refuse what cannot be, build, send.

Not its job: which agent and at what cost (planning), what a run is made of (submit).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from ezaigents.client.choosing import unknown_agent
from ezaigents.client.inputs import InputFiles
from ezaigents.client.submit import CHANGING_KINDS, FilesTaken, Handed, Wish, build_run, other_ids
from ezaigents.clock import SystemClock
from ezaigents.errors import AgentUnavailable, NotRunning
from ezaigents.ids import IdMaker
from ezaigents.policy import SUBMIT_BATCH
from ezaigents.queue import Queue
from ezaigents.records import AgentCard, AgentState, HostCard, Run
from ezaigents.settings import Settings
from ezaigents.team import Overlap, Team

HOW_TO_START = "start one with `ez up`"


class Handing:
    """The way into the queue for one workspace; `place` is its id."""

    def __init__(self, settings: Settings, queue: Queue, team: Team) -> None:
        self._settings = settings
        self._queue = queue
        self._team = team

    async def hand_in(
        self, plan: Callable[[], Sequence[Wish]], hosts: Sequence[HostCard], place: str, files: InputFiles
    ) -> list[Handed]:
        """Hand in the runs of a plan, in order; what `Client.submit_planned` says holds."""
        cards = [card for host in hosts for card in host.agents]
        whole = frozenset(card.name for card in cards if card.whole)
        make_id = IdMaker(SystemClock())  # one for each call: those of others are made in other threads
        build = partial(self._build, whole=whole, place=place, files=files, make_id=make_id)

        def begin() -> tuple[Sequence[Wish], list[Handed]]:
            wishes = plan()
            self._check_fleet(wishes, hosts, place)
            return wishes, build(wishes)

        wishes, built = await asyncio.to_thread(begin)
        handed = await self._submit(built, wishes, place)
        while left := wishes[len(handed) :]:
            handed += await self._submit(await asyncio.to_thread(build, left), left, place)
        return handed

    def _check_fleet(self, wishes: Sequence[Wish], hosts: Sequence[HostCard], place: str) -> None:
        if not hosts:  # the last one has left since we connected
            raise NotRunning(no_host(self._settings))
        cards = [card for host in hosts for card in host.agents]
        for name in dict.fromkeys(wish.agent for wish in wishes):
            check_agent(name, cards)
        if not any(place in host.places for host in hosts):
            raise NotRunning(
                f"the fleet on {self._settings.home} does not serve the workspace {self._settings.workspace}; "
                "start one here with `ez up --name OTHER`"
            )

    def _build(
        self, wishes: Sequence[Wish], *, whole: frozenset[str], place: str, files: InputFiles, make_id: IdMaker
    ) -> list[Handed]:
        """The first of them, as many as make a call of the queue; one at least."""
        home, workspace = self._settings.home_path, self._settings.workspace_path
        built: list[Handed] = []
        tasks = 0
        for wish in wishes:
            run = build_run(
                wish,
                files,
                home=home,
                workspace=workspace,
                place=place,
                make_id=make_id,
                whole=wish.agent in whole,
            )
            built.append(run)
            tasks += len(run.specs)
            if tasks >= SUBMIT_BATCH:
                break
        return built

    async def _submit(self, built: Sequence[Handed], wishes: Sequence[Wish], place: str) -> list[Handed]:
        overlaps = await self._overlaps(wishes, built, place)
        runs = [(handed.run, handed.specs) for handed in built]
        known = await self._queue.submit_runs(runs, max_open=self._settings.queue_max_open)
        return [await self._as_known(handed, known, overlap) for handed, overlap in zip(built, overlaps, strict=True)]

    async def _as_known(self, built: Handed, known: dict[str, str], overlaps: tuple[Overlap, ...]) -> Handed:
        """A run as the queue knows it: where its key was used before, it is the run of that time."""
        run, specs, again = built.run, built.specs, False
        if any(known[spec.id] != spec.id for spec in specs):
            specs, again = other_ids(specs, known), True
            run = await self._run_of(specs[0].id) or run
        return Handed(run=run, specs=specs, paths=built.paths, overlaps=overlaps, again=again)

    async def _run_of(self, task_id: str) -> Run | None:
        return await self._queue.run((await self._queue.task(task_id)).run)

    async def _overlaps(self, wishes: Sequence[Wish], built: Sequence[Handed], place: str) -> list[tuple[Overlap, ...]]:
        """Who is at files that these jobs are to change. Raises FilesTaken where that is not wanted."""
        changing = [number for number, wish in enumerate(wishes[: len(built)]) if wish.kind in CHANGING_KINDS]
        looks = await asyncio.gather(*[self._team.radar.look(place, built[number].paths) for number in changing])
        found: list[tuple[Overlap, ...]] = [()] * len(built)
        for number, overlaps in zip(changing, looks, strict=True):
            if overlaps and self._settings.overlap == "block":
                raise FilesTaken(overlaps)
            found[number] = tuple(overlaps)
        return found


def no_host(settings: Settings) -> str:
    """What to say where no host lives."""
    return f"no host runs on {settings.home}; its tasks are safe; {HOW_TO_START}"


def check_agent(name: str, cards: Sequence[AgentCard]) -> None:
    """Raise InputError (with the nearest name) for an unknown agent, AgentUnavailable for one that cannot work."""
    found = [card for card in cards if card.name == name]
    if not found:
        raise unknown_agent(name, [card.name for card in cards])
    if all(card.state is AgentState.UNAVAILABLE for card in found):
        raise AgentUnavailable(name, found[0].reason)
