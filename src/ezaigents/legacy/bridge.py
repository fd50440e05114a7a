"""`ez legacy bridge`: while old producers still queue there, their tasks are done here. Job: take, hand in, hand over.

An entry is never only in this process. One script moves it from its queue into the hash `taken` of the old server,
under a nonce that is the ids its run and task will have; so handing it in twice is handing it in once, for as long as
the engine or the history knows the task. It leaves the hash, in one step with what old readers are told, when the task
has ended. Whatever dies in between, the next bridge finds the hash.

It does not poll: the server says which keys of the prefix change (CLIENT TRACKING), and a sweep finds what was missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ezaigents.clock import SystemClock
from ezaigents.codec import printable
from ezaigents.errors import EngineDown, InputError, LimitReached
from ezaigents.home import home_id
from ezaigents.ids import ID_LENGTH, IdMaker, is_id
from ezaigents.legacy.building import build
from ezaigents.legacy.entries import OldEntry, Unmapped, read_entry
from ezaigents.legacy.files import Mapper
from ezaigents.legacy.handing_over import BridgeFigures, HandingOver, Taken
from ezaigents.legacy.importing import refused_row
from ezaigents.legacy.reading import WINDOW_BYTES
from ezaigents.legacy.server import OldServerDown, noted_key, pairs_of, taken_from
from ezaigents.legacy.sources import PREFIX, Source, pauses_of, sources_of
from ezaigents.records import AgentState

if TYPE_CHECKING:
    from ezaigents.client import Client
    from ezaigents.legacy.server import OldServer
    from ezaigents.records import Run, TaskSpec

SWEEP_S = 30.0
"""So often every list is looked at whatever was heard, and every open task."""
POLL_S = 1.0
"""The same for a server that does not say which keys change."""
_FEW, _MANY = 8, 100
_BATCH = 100
_PAUSE_FIRST_S, _PAUSE_S = 0.02, 1.0


class Bridge:
    """One bridge. `apply`: patches are put into the workspace as they are made. `say`: a line for the user."""

    def __init__(
        self,
        server: OldServer,
        client: Client,
        more: Mapping[str, str],
        *,
        apply: bool = False,
        say: Callable[[str], None] = lambda line: None,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._server = server
        self._client = client
        self._more = more
        self._mapper = Mapper(client.settings, more)
        self._apply = apply
        self._say = say
        self._sweep_s = sweep_s
        self._sources = sources_of(more)
        self._make_id = IdMaker(SystemClock())
        home = home_id(client.settings.home_path)
        self._taken_key, self._out_key = noted_key(home, "taken"), noted_key(home, "out")
        self._over = HandingOver(server, client, home, say)
        self._changed: set[str] = set()
        self._hint = asyncio.Event()
        self._tracked = False
        self._able: dict[str, str] = {}
        self._pauses = pauses_of(self._sources.values())
        self._paused: frozenset[str] = frozenset()
        self._said: set[str] = set()
        self.figures = self._over.figures
        server.on_changed, server.on_restored = self._on_changed, self._on_restored

    async def run(self, over: asyncio.Event) -> BridgeFigures:
        """Work until `over` is set. Raises OldServerRefuses; a server or an engine that is away is waited for."""
        since = await self._client.last_event()
        working = [asyncio.ensure_future(one) for one in (self._take_on(), self._over.follow(since), over.wait())]
        try:
            ended, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for one in ended:
                one.result()
        finally:
            for one in working:
                one.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        self.figures.left = len(self._over.open)
        return self.figures

    # -- what is heard -------------------------------------------------------------------------------------------

    def _on_changed(self, key: str) -> None:
        if key in self._sources:
            self._changed.add(key)
            self._hint.set()
        elif not key or key in self._pauses:
            self._changed.update(self._sources)
            self._hint.set()

    def _on_restored(self) -> None:
        self._tracked = False
        self._hint.set()

    # -- take ----------------------------------------------------------------------------------------------------

    async def _take_on(self) -> None:
        """Take what comes, for ever."""
        found_left, pause_s = False, _PAUSE_FIRST_S
        while True:
            try:
                if not self._tracked:
                    self._tracked = await self._server.track(PREFIX)
                    if not self._tracked:
                        self._say_once(f"{self._server} does not say which keys change: it is looked at every second")
                    self._changed.update(self._sources)
                if not found_left:
                    await self._resubmit()
                    found_left = True
                await self._take_changed()
                pause_s = _PAUSE_FIRST_S
            except OldServerDown as down:
                if pause_s == _PAUSE_FIRST_S:
                    self._say(f"{down.args[0].partition(';')[0]}; waiting for it")
                await asyncio.sleep(pause_s)  # one that refuses writes is connected
                pause_s = min(pause_s * 2, _PAUSE_S)
                while not await self._server.wait_up(_PAUSE_S):
                    pass
                self._tracked = found_left = False  # a reply that was lost may have told what was taken
                continue
            except EngineDown as down:
                self._say_once(f"{down}; waiting for it")
                await asyncio.sleep(_PAUSE_S)
                self._tracked = found_left = False
                continue
            if not self._hint.is_set():
                await self._wait(self._sweep_s if self._tracked else POLL_S)
            self._hint.clear()

    async def _wait(self, limit_s: float) -> None:
        """Until something is heard; after `limit_s` everything counts as changed."""
        try:
            async with asyncio.timeout(limit_s):
                await self._hint.wait()
        except TimeoutError:
            self._changed.update(self._sources)
            await self._over.look_at_open()

    async def _take_changed(self) -> None:
        changed, self._changed = self._changed, set()
        if len(changed) > _FEW or not self._able:
            await self._look_for_agents()
            await self._look_for_pauses()
            changed = await self._lists_among(changed)
        for key, source in self._sources.items():
            if key in changed:
                await self._drain(source)

    async def _lists_among(self, keys: Iterable[str]) -> set[str]:
        ordered = list(keys)
        types = await self._server.calls([("TYPE", key) for key in ordered])
        for key, kind in zip(ordered, types, strict=True):
            if kind not in (b"list", b"none"):
                self._say_once(f"{key} is a {kind.decode()}, and must be a list; it is left alone")
        return {key for key, kind in zip(ordered, types, strict=True) if kind == b"list"}

    async def _look_for_agents(self) -> None:
        """Which agents can work; while no host lives, those of before count."""
        cards = [card for host in await self._client.hosts() for card in host.agents]
        if cards:
            self._able = {
                card.name: card.reason or "it takes files in portions, not tasks with a prompt"
                if card.state is AgentState.UNAVAILABLE or not card.whole
                else ""
                for card in cards
            }

    async def _look_for_pauses(self) -> None:
        """Which queues the old system's operator has paused, or all of them by an emergency stop."""
        flags = await self._server.call("MGET", *self._pauses)
        self._paused = frozenset(
            lane for lanes, flag in zip(self._pauses.values(), flags, strict=True) if flag == b"true" for lane in lanes
        )

    async def _drain(self, source: Source) -> None:
        """Take everything from one list. One whose agent cannot work is left as it is."""
        if why := self._able.get(source.agent, "no agent of that name is here"):
            self._say_once(f"{source.key} is left alone: {source.agent} cannot take tasks: {why}")
            return
        if source.lane in self._paused:
            self._say_once(f"{source.key} is left alone while it is paused in the old system")
            return
        count = _FEW
        while True:
            nonces = [self._make_id() + self._make_id() for _ in range(count)]
            keys = [source.key, self._taken_key, self._out_key, source.processing]
            reply = await self._server.run("take", keys, WINDOW_BYTES, *nonces)
            if not reply:
                return
            pairs = [(nonce.decode(), raw) for nonce, raw in zip(reply[::2], reply[1::2], strict=True)]
            self.figures.taken += len(pairs)
            await self._accept([(nonce, source, raw) for nonce, raw in pairs])
            count = _MANY

    async def _resubmit(self) -> None:
        """What a bridge before this one had taken: hand it in, or follow it, or hand over what became of it."""
        cursor = b"0"
        while True:
            cursor, pairs = await self._server.call("HSCAN", self._taken_key, cursor, "COUNT", _BATCH)
            found = []
            for nonce, value in pairs_of(pairs).items():
                key, raw = taken_from(value)
                source = self._sources.get(key)
                name = nonce.decode("ascii", "replace")
                if source is None or not (is_id(name[:ID_LENGTH]) and is_id(name[ID_LENGTH:])):
                    self._say_once(f"{printable(key)} was taken before and is not known now; say the same --map again")
                elif name[ID_LENGTH:] not in self._over.open:
                    found.append((name, source, raw))
            known = {task.id for task in await self._client.tasks([name[ID_LENGTH:] for name, _, _ in found])}
            for name, source, raw in found:
                if name[ID_LENGTH:] in known:
                    self._over.open[name[ID_LENGTH:]] = self._as_taken(name, source, raw)
            await self._accept([one for one in found if one[0][ID_LENGTH:] not in known])
            if cursor == b"0":
                await self._over.look_at_open()
                return

    # -- hand in -------------------------------------------------------------------------------------------------

    async def _accept(self, entries: Sequence[tuple[str, Source, bytes]]) -> None:
        """Hand in what lies in the hash, in order."""
        built: list[tuple[Run, TaskSpec]] = []
        under_way: dict[str, Taken] = {}
        refused: list[tuple[Taken, OldEntry, str]] = []
        for nonce, source, raw in entries:
            entry = _entry(source, raw)
            taken = self._as_taken(nonce, source, raw)
            try:
                asked, missing = self._mapper.read(entry)
                taken = msgspec.structs.replace(taken, file=asked.files[0] if asked.files else "")
                settings = self._client.settings
                built.append(
                    build(
                        asked,
                        missing,
                        run=taken.run,
                        task=taken.task,
                        key="",
                        home=settings.home_path,
                        workspace=settings.workspace_path,
                        place=self._client.place,
                        apply=self._apply,
                    )
                )
                under_way[taken.task] = taken
            except Unmapped as why:
                refused.append((taken, entry, str(why)))
        for start in range(0, len(built), _BATCH):
            await self._submit(built[start : start + _BATCH], under_way)
        for taken, entry, words in refused:
            self._say(
                f"refused: {refused_row(entry, words).key}: {words}; it is kept in {self._over.refused_key} there"
            )
            await self._over.refuse(taken, words)

    async def _submit(self, built: Sequence[tuple[Run, TaskSpec]], under_way: Mapping[str, Taken]) -> None:
        """Until it is done: what was taken must come to be. Followed from just before, so that no end is missed."""
        rows = [(run, [spec]) for run, spec in built]
        self._over.open.update((spec.id, under_way[spec.id]) for _, spec in built)
        while True:
            try:
                await self._client.queue.submit_runs(rows, max_open=self._client.settings.queue_max_open)
            except (LimitReached, EngineDown) as error:
                self._say_once(f"{error}; waiting")
                await asyncio.sleep(_PAUSE_S)
            except InputError as error:
                if len(built) == 1:
                    await self._over.refuse(self._over.open.pop(built[0][1].id), str(error))
                    return
                for one in built:
                    await self._submit([one], under_way)
                return
            else:
                return

    def _as_taken(self, nonce: str, source: Source, raw: bytes) -> Taken:
        try:
            asked = read_entry(_entry(source, raw), self._more)
        except Unmapped:
            return Taken(nonce=nonce, source=source)
        file = asked.files[0] if asked.files else ""
        with contextlib.suppress(Unmapped):
            file = next(iter(self._mapper.read(_entry(source, raw))[0].files), "")
        name = (asked.name or asked.old_id or nonce[ID_LENGTH:]).replace("/", "__")
        return Taken(nonce=nonce, source=source, file=file, name=name, old_id=asked.old_id)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._say(line)


def _entry(source: Source, raw: bytes) -> OldEntry:
    return OldEntry(part=source.part, key=source.key, lane=source.lane, level=source.level, raw=raw)
