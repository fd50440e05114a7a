"""Agents with models at work, against simulated models: memory, the loop's own time, and what a provider could cache.

- memory of host and engine after the first calls of all five agents, and beside it while 500 tasks are in flight at
  once; what those 500 hold of their history is taken off, as their journals say;
- the loop's own time in a step: from one answer to the next, without what the model took;
- of a task of 20 steps, how many input tokens were an unchanged prefix, as the simulator's cache counted them, in each
  of the three wire forms;
- whether any budget was overrun.
The simulator is a process of its own and is not counted: with real models there is none.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.fleet import family, memory_of, running_fleet, temporary_settings
from bench.line import percentile, result
from ezaigents.agents.model.journal import JOURNAL_FILE, Answered, Record
from ezaigents.client import Client, Wish
from ezaigents.codec import from_json
from ezaigents.records import TaskKind
from ezaigents.settings import Settings
from ezaigents.simulate import start_simulator

_AT_ONCE = 500
_STEPS = 20
_SETTLE_S = 3.0
_HOLD_S = 40.0
"""So long the models of the 500 tasks wait before they answer: all are in flight when memory is read."""
_FIVE = ("claude", "gpt", "deepseek", "mistral", "gemini")
_DIALECTS = {"messages": "claude", "responses": "gpt", "chat": "deepseek"}


def run() -> dict[str, Any]:
    """Measure one fleet: first calls, steps, then 500 at once."""
    with tempfile.TemporaryDirectory(prefix="ez-bench-ws-") as made:
        folder = Path(made)
        workspace, config = folder / "workspace", folder / "config"
        workspace.mkdir()
        for number in range(_STEPS):
            (workspace / f"f{number}.py").write_text(f"# file {number}\n" + "x = 1\n" * 200)
        (config / "agents").mkdir(parents=True)
        (config / "agents" / "many.md").write_text(
            f'+++\nname = "many"\nmodel = "openai:gpt-6-luna"\nslots = {_AT_ONCE}\n+++\nx\n'
        )
        rules = folder / "rules.toml"
        rules.write_text(_rules())
        faults = [f"match=hold on,first_byte_s={_HOLD_S}"]
        with start_simulator([rules], bare=True, faults=faults) as simulator:
            flags = {"models": "simulated", "sim_url": simulator.ready(), "config_home": str(config)}
            with temporary_settings(workspace=str(workspace), **flags) as settings:
                return _measured(settings)


def _measured(settings: Settings) -> dict[str, Any]:
    with running_fleet(settings) as process:
        time.sleep(_SETTLE_S)
        idle = memory_of(family(process.pid, settings))
        asyncio.run(_do(settings, [("say hello", agent) for agent in _FIVE]))
        time.sleep(_SETTLE_S)
        after_calls = memory_of(family(process.pid, settings))
        tasks = asyncio.run(_do(settings, [("walk through", agent) for agent in _DIALECTS.values()]))
        journals = {kind: _journal(settings, task) for kind, task in zip(_DIALECTS, tasks, strict=True)}
        before = memory_of(family(process.pid, settings))
        at_once, history = asyncio.run(_hold(settings, process.pid))
    overheads = sorted(one for records in journals.values() for one in _overheads_ms(records))
    per_task = (at_once.rss_bytes - before.rss_bytes - history) / _AT_ONCE
    return result(
        "agents",
        idle_rss_mb=round(idle.rss_bytes / 1e6, 1),
        after_first_calls_rss_mb=round(after_calls.rss_bytes / 1e6, 1),
        tasks_at_once=_AT_ONCE,
        rss_mb_at_once=round(at_once.rss_bytes / 1e6, 1),
        kib_per_task=round(per_task / 1024, 1),
        steps=_STEPS,
        step_overhead_ms_p50=round(statistics.median(overheads), 2),
        step_overhead_ms_p99=round(percentile(overheads, 99), 2),
        step_n=len(overheads),
        cached_share={kind: round(_cached_share(records), 3) for kind, records in journals.items()},
        simulated=True,
    )


async def _do(settings: Settings, jobs: list[tuple[str, str]]) -> list[str]:
    """Hand in one task after the other, each awaited; returns their ids."""
    ids = []
    async with Client.connect(settings) as client:
        for prompt, agent in jobs:
            handed = await client.submit(_wish(prompt, agent))
            async for _ in client.watch(handed.run.id):
                pass
            ids.append(handed.specs[0].id)
    return ids


async def _hold(settings: Settings, pid: int) -> tuple[Any, int]:
    """Memory while all the tasks wait for their model, and the bytes of their journals; they are cancelled then."""
    async with Client.connect(settings) as client:
        handed = [await client.submit(_wish("hold on", "many")) for _ in range(_AT_ONCE)]
        ids = [one.specs[0].id for one in handed]
        tasks = settings.home_path / "tasks"
        deadline_s = time.monotonic() + _HOLD_S
        while time.monotonic() < deadline_s:
            if sum(1 for _ in tasks.glob(f"*/*/{JOURNAL_FILE}")) >= _AT_ONCE:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(_SETTLE_S)
        counts = await client.queue.counts()
        if counts["leased"] < _AT_ONCE:
            raise RuntimeError(f"only {counts['leased']} of {_AT_ONCE} tasks were in flight")
        memory = memory_of(family(pid, settings))
        history = sum(path.stat().st_size for one in ids for path in (tasks / one).glob(f"*/{JOURNAL_FILE}"))
        await client.cancel(ids)
        for one in handed:
            async for _ in client.watch(one.run.id):
                pass
    return memory, history


def _wish(prompt: str, agent: str) -> Wish:
    return Wish(prompt=prompt, paths=("f0.py",), agent=agent, kind=TaskKind.ANALYZE)


def _journal(settings: Settings, task: str) -> list[Record]:
    path = next((settings.home_path / "tasks" / task).glob(f"*/{JOURNAL_FILE}"))
    return [from_json(line, Record) for line in path.read_bytes().splitlines()]  # type: ignore[arg-type]


def _overheads_ms(records: list[Record]) -> list[float]:
    """From each answer to the next one, without the time its call took; times in a journal are whole milliseconds."""
    answers = [record for record in records if isinstance(record, Answered)]
    pairs = itertools.pairwise(answers)
    return [late.at_ms - early.at_ms - sum(one.took_s for one in late.tries) * 1000 for early, late in pairs]


def _cached_share(records: list[Record]) -> float:
    usages = [record.reply.usage for record in records if isinstance(record, Answered) and record.reply.usage]
    return sum(usage.cache_read for usage in usages) / sum(usage.input_total for usage in usages)


def _rules() -> str:
    walk = "".join(
        f'[[rule.steps]]\ncalls = [{{ name = "read", arguments = {{ path = "f{number}.py" }} }}]\n'
        for number in range(_STEPS - 1)
    )
    return (
        '[[rule]]\nmatch = "say hello"\n[[rule.steps]]\ntext = "hello"\n'
        f'[[rule]]\nmatch = "walk through"\n{walk}[[rule.steps]]\ntext = "all read"\n'
        '[[rule]]\nmatch = "hold on"\n[[rule.steps]]\ntext = "held"\n'
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run()) + "\n")
