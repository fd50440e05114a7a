"""`Client`: the face of a fleet for those who hand in work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ezaigents.client.company import look_round
from ezaigents.client.handing import HOW_TO_START, Handing, no_host
from ezaigents.client.inputs import InputFiles
from ezaigents.client.listing import Page, Sought, list_page
from ezaigents.client.operator import Operator
from ezaigents.client.status import (
    AgentPresence,
    EngineRow,
    HostRow,
    Status,
    agent_row,
    both_rows,
    queue_row,
    rss_of,
    used_memory,
)
from ezaigents.client.submit import Handed, Wish
from ezaigents.client.watch import Event, Progress, events, events_after, watch_run
from ezaigents.clock import SystemClock
from ezaigents.engine import Connection, EngineHandle, find_living, living_hosts
from ezaigents.errors import EngineDown, EzError, InputError, NotRunning, TaskGone
from ezaigents.home import home_id
from ezaigents.queue import Keys, Queue, find_in_history
from ezaigents.records import Answer, HostCard, PatchState, Run, Task
from ezaigents.settings import Settings
from ezaigents.team import Team
from ezaigents.workspace import place_id

_PATIENCE_S = 30.0
_READ_BATCH = 500


class Client:
    """Talks to the fleet of one data folder, through its engine. Make one with `Client.connect`.

    Every method may raise EngineDown when the engine stays away for 30 s, or as long as `connect` was told.
    """

    def __init__(
        self,
        settings: Settings,
        engine: EngineHandle,
        connection: Connection,
        keys: Keys,
        *,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.queue = Queue(connection, keys, patience_s=patience_s)
        self._connection = connection
        self.team = Team(settings, connection, self.queue, SystemClock())
        self.place = place_id(home_id(settings.home_path), settings.workspace)
        """The id of this client's workspace, as seen from its data folder."""
        self.operator = Operator(settings, engine, connection, self.queue, self.team, self.place)
        self._handing = Handing(settings, self.queue, self.team)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, settings: Settings, *, need_host: bool = True, patience_s: float = _PATIENCE_S
    ) -> AsyncIterator[Client]:
        """Connect to the fleet of `settings.home`; the connection is closed on leaving.

        `need_host=False` is content with an engine. `patience_s`: how long an engine that is away is waited for.
        Raises NotRunning when there is nothing to connect to.
        """
        identity = home_id(settings.home_path)
        engine = await asyncio.to_thread(find_living, settings)
        if engine is None or not identity:
            raise NotRunning(await asyncio.to_thread(_words_without_engine, settings))
        keys = Keys(settings.namespace or identity)
        heard: list[Client] = []
        connection = Connection(
            engine.address,
            on_heard=lambda channel, text: heard[0].team.on_unlocked(),  # the one channel it listens to
            client_name="ez-client",
        )
        try:
            await connection.open()
        except EngineDown:
            if await asyncio.to_thread(find_living, settings) is not None:
                raise
            raise NotRunning(await asyncio.to_thread(_words_without_engine, settings)) from None  # it has just ended
        client = cls(settings, engine, connection, keys, patience_s=patience_s)
        heard.append(client)
        try:
            try:
                hosts = await client.meet_hosts()
            except EzError:
                if need_host:
                    raise
            else:
                if need_host and not hosts:
                    raise NotRunning(no_host(settings))
            yield client
        finally:
            await client.team.close()
            await client.queue.close()
            await connection.close()

    @property
    def traffic(self) -> tuple[int, int]:
        """Bytes that this client has sent to the engine and heard from it, on the connection it asks by."""
        return self._connection.meter.sent_bytes, self._connection.meter.heard_bytes

    # -- who is there --------------------------------------------------------------------------------------------

    async def hosts(self, *, at_once: bool = False) -> list[HostCard]:
        """The hosts that live. `at_once`: raise EngineDown when the engine does not answer now."""
        members = await look_round(self.queue, self.team, self.settings, at_once=at_once)
        return [member.seen.card for member in members if member.lives]

    async def meet_hosts(self) -> list[HostCard]:
        """The same, to be asked first: from then on messages are kept and read as those hosts do."""
        hosts = await self.hosts()
        if hosts:
            self.team.keep_as(hosts[0].storage)
        return hosts

    async def agents(self, *, need_host: bool = False) -> list[AgentPresence]:
        """Every agent by name, with those whose hosts are gone; slots add up over the hosts where it is ready.

        `need_host`: raise NotRunning where none lives (any more).
        """
        hosts, agents = await self._company()
        if need_host and not hosts:
            raise NotRunning(no_host(self.settings))
        return agents

    async def company(self) -> tuple[tuple[HostCard, ...], tuple[AgentPresence, ...]]:
        """The hosts that live and every agent, by one look. Raises NotRunning where none lives (any more)."""
        hosts, agents = await self._company()
        if not hosts:
            raise NotRunning(no_host(self.settings))
        return tuple(hosts), tuple(agents)

    async def _company(self) -> tuple[list[HostCard], list[AgentPresence]]:
        busy, paused = await self._busy(), await self.queue.paused()
        rows: dict[str, AgentPresence] = {}
        members = await look_round(self.queue, self.team, self.settings)
        for member in members:
            for card in member.seen.card.agents:
                row = agent_row(card, member, busy.get(card.name, 0), paused)
                rows[card.name] = both_rows(rows[card.name], row) if card.name in rows else row
        hosts = [member.seen.card for member in members if member.lives]
        return hosts, sorted(rows.values(), key=lambda row: row.name)

    async def status(self, agents: Sequence[AgentPresence] | None = None) -> Status:
        """What `ez status` shows. `agents`: where somebody has looked already."""
        hosts = await self.hosts()
        named = [host for host in hosts if host.name == self.settings.name] or hosts
        agents = await self.agents() if agents is None else agents
        counts, memory = await asyncio.gather(self.queue.counts(), used_memory(self.queue))
        host = named[0] if named else None
        return Status(
            ready=host is not None,
            agents=[agent.row() for agent in agents],
            queue=queue_row(counts),
            engine=EngineRow(
                kind=self.engine.kind,
                version=self.engine.version,
                durability=self.engine.durability,
                used_memory_bytes=memory,
            ),
            host=HostRow(
                name=host.name if host else "",
                pid=host.pid if host else 0,
                rss_bytes=rss_of(host.pid) if host and host.node == os.uname().nodename else 0,
            ),
            started_in_s=host.started_in_ms / 1000 if host else 0.0,
        )

    # -- hand in and follow --------------------------------------------------------------------------------------

    async def submit(self, wish: Wish) -> Handed:
        """Hand in a run. Raises InputError, AgentUnavailable, QueueFull, FilesTaken, KeyConflict, EngineFull."""
        return (await self.submit_all([wish]))[0]

    async def submit_all(self, wishes: Sequence[Wish]) -> list[Handed]:
        """Hand in runs, each as `submit` does, in order; up to 100 tasks are taken together, or none of them.

        Where there are more, those before the refused ones stay taken.
        """
        files = InputFiles(self.settings.workspace_path, self.settings.home_path)
        return await self.submit_planned(lambda: wishes, await self.hosts(), files)

    async def submit_planned(
        self, plan: Callable[[], Sequence[Wish]], hosts: Sequence[HostCard], files: InputFiles
    ) -> list[Handed]:
        """The same for what `plan` returns, which is called in a thread and may look at `files`.

        `hosts`: who lives, by whoever has looked.
        """
        return await self._handing.hand_in(plan, hosts, self.place, files)

    async def watch(self, run_id: str) -> AsyncIterator[Progress]:
        """Yield a run's progress until nothing of it is open."""
        async with Connection(self._connection.address, client_name="ez-watch") as reader:
            async for progress in watch_run(reader, self.queue, run_id):
                yield progress

    async def events(self, *, since: str = "$", quiet_s: float = 2.0) -> AsyncIterator[list[Event]]:
        """Yield events as they come, 500 at most, and an empty list after each `quiet_s` (at most 10); never ends."""
        async with Connection(self._connection.address, client_name="ez-events") as reader:
            async for batch in events(reader, self.queue, since=since, quiet_s=quiet_s):
                yield batch

    async def last_event(self) -> str:
        """The id of the newest event; "0-0" where there is none."""
        last = await self.queue.read("XREVRANGE", self.queue.keys.events(), "+", "-", "COUNT", 1)
        return str(last[0][0].decode()) if last else "0-0"

    async def first_event(self) -> str:
        """The id of the oldest event that the engine keeps; "0-0" where there is none."""
        first = await self.queue.read("XRANGE", self.queue.keys.events(), "-", "+", "COUNT", 1)
        return str(first[0][0].decode()) if first else "0-0"

    async def events_since(self, event_id: str) -> list[Event] | None:
        """What happened after an event; None where the engine does not keep all of that any more."""
        return await events_after(self.queue, event_id)

    # -- read and steer ------------------------------------------------------------------------------------------

    async def task(self, task_id: str) -> Task:
        """A task, from the engine or, once purged, from the history. Raises TaskGone."""
        try:
            return await self.queue.task(task_id)
        except TaskGone:
            kept = await asyncio.to_thread(find_in_history, self.settings.home_path / "history", task_id)
            if kept is None:
                raise
            return kept

    async def run(self, run_id: str) -> Run | None:
        """A run; None when the engine does not know it (any more)."""
        return await self.queue.run(run_id)

    async def tasks_of(self, run_id: str) -> list[Task]:
        """The tasks of a run, in order of submission; those purged before the run itself come from the history."""
        run = await self.queue.run(run_id)
        if run is None:
            return []
        if run.summary_task and (found := await self.queue.tasks([run.summary_task])):
            return [*await self.tasks(found[0].parents), *found]
        return [task for task in reversed(await self.all_tasks()) if task.run == run_id]

    async def tasks(self, task_ids: Sequence[str]) -> list[Task]:
        """Tasks by id, in the order given, in batches; unknown ones are looked up in the history or left out."""
        found: list[Task] = []
        for start in range(0, len(task_ids), _READ_BATCH):
            found += await self.queue.tasks(task_ids[start : start + _READ_BATCH])
        if len(found) == len(task_ids):
            return found
        by_id = {task.id: task for task in found}
        purged = [task_id for task_id in task_ids if task_id not in by_id]
        by_id |= await asyncio.to_thread(_in_history, self.settings.home_path / "history", purged)
        return [by_id[task_id] for task_id in task_ids if task_id in by_id]

    async def all_tasks(self, *, states: Sequence[str] = (), most: int = 0) -> list[Task]:
        """Tasks the engine knows, newest first; `states` chooses, `most` limits (0 = all)."""
        ids = sorted(await self._all_ids(), reverse=True)
        found: list[Task] = []
        for start in range(0, len(ids), _READ_BATCH):
            batch = await self.queue.tasks(ids[start : start + _READ_BATCH])
            found += [task for task in batch if not states or task.state.value in states]
            if most and len(found) >= most:
                return found[:most]
        return found

    async def page(self, sought: Sought, *, most: int = 50, after: str = "") -> Page:
        """A page of the list of tasks, with bounded work however many there are; see `list_page`."""
        return await list_page(self.queue, sought, most=most, after=after)

    async def last_ended(self, most: int) -> list[Task]:
        """The tasks that ended last and are not dead, newest first."""
        ids = await self.queue.read("ZREVRANGE", self.queue.keys.ended(), 0, most - 1)
        return await self.queue.tasks([one.decode() for one in ids])

    async def cancel(self, task_ids: Sequence[str]) -> list[str]:
        """Cancel tasks; see Queue.cancel for the answers."""
        answers: list[str] = []
        for start in range(0, len(task_ids), _READ_BATCH):
            answers += await self.queue.cancel(task_ids[start : start + _READ_BATCH])
        return answers

    async def retry(self, task_ids: Sequence[str], *, fresh: bool = False, from_step: int = 0) -> list[Answer]:
        """Have ended tasks tried again; see Queue.revive for the answers.

        `fresh`: from the beginning. `from_step`: as if the answer of that step, and what followed, had not been given;
        0 = from where they stopped. Raises InputError for a step that was not answered.
        """
        if fresh and from_step:
            raise InputError("from_step", "goes back to a step, and fresh to the beginning: give one of them")
        tasks = await self.tasks(task_ids)
        if not fresh:
            await asyncio.to_thread(self._keep_work, tasks)
        for task in tasks if fresh or from_step else ():
            if task.state.terminal and task.fence:
                fence = await self.queue.new_fence()
                await asyncio.to_thread(self._go_back, task, fence, from_step)
        answers: list[Answer] = []
        for start in range(0, len(task_ids), _READ_BATCH):
            answers += await self.queue.revive(task_ids[start : start + _READ_BATCH])
        return answers

    def _go_back(self, task: Task, fence: int, step: int) -> None:
        """To before a step, or to the beginning; what was spent is kept in mind."""
        from ezaigents.agents.model.rewinding import begin_again, rewind

        folder = self.settings.home_path / "tasks" / task.id
        if step:
            rewind(folder, fence, step)
        else:
            begin_again(folder, task.fence, fence)

    def _keep_work(self, tasks: Sequence[Task]) -> None:
        """Tasks go on from their journals; changes that are in the tree already are not theirs to make any more."""
        from ezaigents.agents.attempts import forget_files

        for task in tasks:
            if task.state.terminal and task.partial and task.patch_state is PatchState.APPLIED:
                forget_files(self.settings.home_path / "tasks" / task.id, task.fence + 1)

    async def tell_host(self, name: str, word: str) -> int:
        """Publish a word on a host's control channel; returns how many heard it."""
        heard: int = await self._connection.call("PUBLISH", self.queue.keys.control(name), word)
        return heard

    async def tell_hosts(self, word: str) -> int:
        """The same to every host; returns how many heard it."""
        return sum([await self.tell_host(host.name, word) for host in await self.hosts()])

    async def _all_ids(self) -> list[str]:
        prefix = self.queue.keys.task("")
        cursor, ids = b"0", set[str]()
        while True:
            cursor, keys = await self.queue.read("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", 1000)
            ids.update(key.decode()[len(prefix) :] for key in keys)
            if cursor == b"0":
                return list(ids)

    async def _busy(self) -> dict[str, int]:
        ids = await self.queue.read("ZRANGE", self.queue.keys.leased(), 0, -1)
        lanes = await self.queue.read_many([("HGET", self.queue.keys.task(i.decode()), "lane") for i in ids])
        busy: dict[str, int] = {}
        for lane in lanes:
            if lane is not None:
                agent = lane.decode().partition("@")[0]
                busy[agent] = busy.get(agent, 0) + 1
        return busy


def _words_without_engine(settings: Settings) -> str:
    """A host that lives will have an engine again, or has one in a moment: nothing needs to be started."""
    if names := ", ".join(living_hosts(settings.home_path)):
        return f"host {names} lives and its engine does not answer; see its log, or `ez doctor`"
    return f"no fleet runs on {settings.home}; {HOW_TO_START}"


def _in_history(folder: Path, task_ids: Sequence[str]) -> dict[str, Task]:
    found = ((task_id, find_in_history(folder, task_id)) for task_id in task_ids)
    return {task_id: task for task_id, task in found if task is not None}
