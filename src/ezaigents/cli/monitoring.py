"""`ez monitor` after its options. Job: look again and again, and show each look the way that was asked for.

Not its job: what a look is (monitor), what stands in the tables (resources).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from ezaigents.cli.fleet import settings_here
from ezaigents.cli.resources import blocks, remarks
from ezaigents.cli.show import drawn, show_json_line, show_line, show_table
from ezaigents.cli.talk import say
from ezaigents.client import Client
from ezaigents.codec import printable
from ezaigents.engine import living_hosts
from ezaigents.errors import EngineDown, NotRunning
from ezaigents.monitor import History, Raised, Role, Sample, Sampler, raised

if TYPE_CHECKING:
    from rich.live import Live

_PAST_MOST = 120
_FIRST_S = 1.0
"""Shares and rates need two looks; for one answer they are so far apart at most."""
PATIENCE_S = 2.0
_ALARM = 1


class Display(Protocol):
    """Shows one look."""

    def __call__(self, sample: Sample, alarms: Sequence[Raised]) -> None: ...


async def watch(interval_s: float, limits: Mapping[str, float], *, once: bool, as_json: bool) -> int:
    """Look every `interval_s` until Ctrl-C, or once; returns 1 where one look raises an alarm.

    Raises NotRunning where no fleet runs (any more), EngineDown where an engine stays away and is looked at once.
    """
    settings = settings_here()
    async with Client.connect(settings, patience_s=PATIENCE_S) as client:
        sampler = Sampler(client, lookers(client))
        if once:
            await sampler.look()
            await asyncio.sleep(min(interval_s, _FIRST_S))
            sample = await sampler.look()
            alarms = raised(sample, limits)
            (show_as_json if as_json else Blocks())(sample, alarms)
            return _ALARM if alarms else 0
        with _display(as_json) as show:
            loop = asyncio.get_running_loop()
            while True:
                began_s = loop.time()
                try:
                    sample = await sampler.look()
                except EngineDown:
                    if not settings.redis_url and not living_hosts(settings.home_path):
                        raise NotRunning(f"the fleet of {settings.home} has ended; `ez up` starts it again") from None
                    say("ez: the engine does not answer; looking again")
                else:
                    if not sample.hosts:
                        raise NotRunning(f"no host of {settings.home} lives any more; `ez up` starts one")
                    show(sample, raised(sample, limits))
                await asyncio.sleep(max(0.0, began_s + interval_s - loop.time()))


def lookers(client: Client) -> dict[int, tuple[Role, str]]:
    """Processes that no host has: this one, and a dashboard that stands apart."""
    from ezaigents.api import standing_site

    found = {os.getpid(): (Role.MONITOR, "ez monitor")}
    if (site := standing_site(client.settings.home_path)) is not None:
        found[site.pid] = (Role.DASHBOARD, "ez dashboard")
    return found


def show_as_json(sample: Sample, alarms: Sequence[Raised]) -> None:
    """One line: the look, and the alarms that it raises."""
    show_json_line({**msgspec.to_builtins(sample), "alarms": alarms})


class Blocks:
    """One block of tables a look."""

    def __init__(self) -> None:
        self._history = History(_PAST_MOST)

    def __call__(self, sample: Sample, alarms: Sequence[Raised]) -> None:
        self._history.add(sample)
        for block in blocks(sample, self._history):
            show_table(block.columns, block.rows, title=block.title)
            show_line()
        for line in remarks(sample, alarms):
            show_line(line)
        sys.stdout.flush()


class Screen:
    """Tables that are drawn over those of the look before."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._history = History(_PAST_MOST)

    def __call__(self, sample: Sample, alarms: Sequence[Raised]) -> None:
        from rich.console import Group
        from rich.text import Text

        self._history.add(sample)
        width = self._live.console.width - 1
        parts = []
        for block in blocks(sample, self._history):
            rows = [[printable(cell) for cell in row] for row in block.rows]
            parts += [*drawn(block.columns, rows, width, block.title), Text()]
        notes = [Text(line, style="red" if line.startswith("alarm") else "dim") for line in remarks(sample, alarms)]
        self._live.update(Group(*notes, *parts), refresh=True)


@contextlib.contextmanager
def _display(as_json: bool) -> Iterator[Display]:
    if as_json:
        yield show_as_json
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(highlight=False), auto_refresh=False, screen=True) as live:
            yield Screen(live)
    else:
        yield Blocks()
