"""How long a page of 50 of the list of tasks takes with 100,000 tasks in the engine: plain, filtered, searched.

The tasks are made by the real scripts, every write fsynced: 100 leased, 20,000 ready in five lanes, 5,000 delayed (20
of them ask), 5,000 blocked, 60,000 done or cancelled (1 in 100), 10,000 dead; then one client asks for pages, one at a
time, on the engine's socket. Times are from the call to the decoded page, in ms. A search without hits looks at as many
tasks as one call may (`looked_at`) and finds none; `searched_to_the_end` is one that goes on through all tasks.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Sequence

import msgspec

from bench.fleet import engine_connection, info, temporary_settings
from bench.line import percentile, result
from bench.queue_rates import run_record
from ezaigents.client import Client, Page, Sought
from ezaigents.clock import SystemClock
from ezaigents.engine import begin
from ezaigents.ids import IdMaker
from ezaigents.queue import Held, Queue
from ezaigents.records import Result, Run, TaskKind, TaskSpec, TaskState
from ezaigents.settings import Settings

_TASKS = int(os.environ.get("BENCH_TASKS", "100000"))
_PAGES = int(os.environ.get("BENCH_PAGES", "300"))
_MOST = 50
_AGENTS = ("claude", "deepseek", "gemini", "gpt", "mistral")
_ASKING = 20
_SHARES = {"leased": 0.001, "ready": 0.2, "delayed": 0.05, "blocked": 0.05, "dead": 0.1, "done": 0.6}
_BATCH = 500
_LEASE_MS = 3_600_000
_SUMMARY = "Reads the settings, checks each of them and returns a record; three findings, none of which is urgent. " * 2
_ERROR = "ProviderError: the provider answered 529 (overloaded) five times in a row; the breaker is open until then"


class _Maker:
    """Makes tasks of one run by the queue's own transitions."""

    def __init__(self, queue: Queue, run: Run) -> None:
        self._queue = queue
        self._run = run
        self._make_id = IdMaker(SystemClock())
        self._made = 0
        self._luck = random.Random(1)

    async def submit(self, count: int, **fields: object) -> list[str]:
        """Submit tasks, an agent after the other, each with a path of its own."""
        specs = []
        for _ in range(count):
            number = self._made = self._made + 1
            part, component = self._luck.randrange(100), self._luck.randrange(10)
            spec = TaskSpec(
                id=self._make_id(),
                run=self._run.id,
                agent=_AGENTS[number % len(_AGENTS)],
                place=self._run.place,
                kind=TaskKind.EDIT if part % 7 == 0 else TaskKind.ANALYZE,
                title=f"src/company/product/part{part:02}/component{component}/module_{number:06}.py",
            )
            specs.append(msgspec.structs.replace(spec, **fields))
        await self._queue.submit(specs, run=self._run)
        return [spec.id for spec in specs]

    async def claim(self, count: int) -> list[Held]:
        """Claim as many of each agent."""
        wants = [(f"{agent}@{self._run.place}", count // len(_AGENTS)) for agent in _AGENTS]
        claims = await self._queue.claim(self._make_id(), "bench", _LEASE_MS, wants)
        return [Held(claim.id, claim.fence) for claim in claims]

    async def end(self, count: int, *, dead: bool) -> None:
        """Submit, claim and settle."""
        for _ in range(count // _BATCH):
            await self.submit(_BATCH)
            held = await self.claim(_BATCH)
            if dead:
                await self._queue.fail([(one, _ERROR) for one in held])
                continue
            cancelled, done = held[: _BATCH // 100], held[_BATCH // 100 :]
            await self._queue.cancel([one.id for one in cancelled])
            await self._queue.stop_cancelled(cancelled)
            await self._queue.finish([(one, Result(summary=_SUMMARY, report="reports/x.md")) for one in done])


async def _make(queue: Queue, run: Run) -> None:
    counts = {state: round(_TASKS * share) for state, share in _SHARES.items()}
    maker = _Maker(queue, run)
    for done in range(0, counts["done"], 6 * _BATCH):  # in turns, so that neither sort ended after the other
        await maker.end(6 * _BATCH, dead=False)
        if done < counts["dead"] * 6:
            await maker.end(_BATCH, dead=True)
    await maker.submit(_ASKING)
    await queue.ask([(one, "q1", "command: make test") for one in await maker.claim(_ASKING)])
    (parent,) = await maker.submit(1)
    for first in range(0, counts["delayed"], _BATCH):
        await maker.submit(min(_BATCH, counts["delayed"] - first), delay_ms=_LEASE_MS + first)
    for first in range(0, counts["blocked"], _BATCH):
        await maker.submit(min(_BATCH, counts["blocked"] - first), parents=(parent,))
    await maker.submit(counts["ready"] + counts["leased"])
    await maker.claim(counts["leased"])


async def _middle(client: Client) -> str:
    """The cursor after half of the tasks."""
    page = await client.page(Sought(), most=1000)
    for _ in range(_TASKS // 2000):
        page = await client.page(Sought(), most=1000, after=page.next)
    return page.next


async def _times(client: Client, sought: Sought, after: str = "") -> dict[str, object]:
    times = []
    for _ in range(_PAGES):
        began_s = time.perf_counter()
        page = await client.page(sought, most=_MOST, after=after)
        times.append((time.perf_counter() - began_s) * 1000)
    figures = {f"p{percent}": round(percentile(times, percent), 2) for percent in (50, 95, 99)}
    return {**figures, "most": round(max(times), 2), "tasks": len(page.tasks), "looked_at": page.looked_at}


async def _to_the_end(client: Client, sought: Sought) -> dict[str, object]:
    began_s = time.perf_counter()
    pages: list[Page] = [await client.page(sought, most=_MOST)]
    while pages[-1].next:
        pages.append(await client.page(sought, most=_MOST, after=pages[-1].next))
    took_s = time.perf_counter() - began_s
    return {"s": round(took_s, 2), "pages": len(pages), "looked_at": sum(page.looked_at for page in pages)}


def _only(*states: TaskState) -> Sought:
    return Sought(states=frozenset(states))


async def _measure(settings: Settings) -> dict[str, object]:
    async with Client.connect(settings, need_host=False) as client:
        began_s = time.perf_counter()
        await _make(client.queue, run_record(settings))
        made_s = time.perf_counter() - began_s
        middle = await _middle(client)
        pages: Sequence[tuple[str, Sought, str]] = (
            ("first", Sought(), ""),
            ("middle", Sought(), middle),
            ("ready", _only(TaskState.READY), ""),
            ("done", _only(TaskState.DONE), ""),
            ("done_middle", _only(TaskState.DONE), middle),
            ("cancelled", _only(TaskState.CANCELLED), ""),
            ("dead", _only(TaskState.DEAD), ""),
            ("agent", Sought(agent="gpt"), ""),
            ("agent_middle", Sought(agent="gpt"), middle),
            ("kind", Sought(kind=TaskKind.EDIT), ""),
            ("asks", Sought(asks=True), ""),
            ("text_1_in_10", Sought(text="Component7"), ""),
            ("text_1_in_100", Sought(text="PART42"), middle),
            ("text_none", Sought(text="nowhere to be found"), ""),
            ("text_none_middle", Sought(text="nowhere to be found"), middle),
        )
        counts = {str(name): count for name, count in (await client.queue.counts()).items() if count}
        return {
            "tasks": counts,
            "made_in_s": round(made_s, 1),
            "page_ms": {name: await _times(client, sought, after) for name, sought, after in pages},
            "searched_to_the_end": await _to_the_end(client, Sought(text="nowhere to be found")),
        }


def run() -> dict[str, object]:
    """Make the tasks, then measure page by page."""
    with temporary_settings() as settings:
        handle = begin(settings).ready()
        try:
            with engine_connection(settings) as connection:
                figures = asyncio.run(_measure(settings))
                used_mb = round(int(info(connection, "memory")["used_memory"]) / 1e6, 1)
        finally:
            handle.leave()
    return result("listing", n=_PAGES, page_of=_MOST, engine_used_mb=used_mb, **figures)
