"""A run's progress on stderr: a bar on a terminal, a line per ended task in a pipe. Not its job: following it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Protocol

from ezaigents.cli.talk import say
from ezaigents.client import Progress
from ezaigents.codec import printable

_ENDED = ("done", "dead", "cancelled", "skipped")
_PATH_CHARS = 36


class Display(Protocol):
    """Shows progress until `close`."""

    def show(self, progress: Progress) -> None:
        """Take in where the run stands."""

    def close(self) -> None:
        """Leave the terminal as it was; safe to repeat."""


class Lines:
    """One line for each task that ended."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._ended: set[str] = set()

    def show(self, progress: Progress) -> None:
        for event in progress.news:
            for task_id in event.tasks:
                if event.state.value in _ENDED and task_id not in self._ended:
                    self._ended.add(task_id)
                    of = f"{len(self._ended)}/{progress.counts.total}"
                    say(f"{of:>9}  {event.state.value:<9}  {printable(self._titles.get(task_id, task_id))}")

    def close(self) -> None:
        """Nothing to put back."""


class Bar:
    """A progress bar that goes away when it is done."""

    def __init__(self, titles: Mapping[str, str], total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._titles = titles
        self._bar = RichProgress(
            SpinnerColumn(),
            MofNCompleteColumn(),
            BarColumn(bar_width=16),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._row = self._bar.add_task("", total=total, last="")
        self._bar.start()

    def show(self, progress: Progress) -> None:
        counts = progress.counts
        ended = [task_id for event in progress.news if event.state.value in _ENDED for task_id in event.tasks]
        self._bar.update(self._row, completed=counts.total - counts.open, total=counts.total)
        if ended:
            self._bar.update(self._row, last=_tail(printable(self._titles.get(ended[-1], ""))))

    def close(self) -> None:
        self._bar.stop()


def open_display(titles: Mapping[str, str]) -> Display:
    """The display that stderr can show. `titles`: what to call each task."""
    if sys.stderr.isatty():
        return Bar(titles, len(titles))
    return Lines(titles)


def _tail(text: str) -> str:
    return text if len(text) <= _PATH_CHARS else "…" + text[1 - _PATH_CHARS :]
