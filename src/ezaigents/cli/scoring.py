"""A scorecard on the terminal. Job: measuring with a bar of what goes on, keeping it, printing its tables."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from ezaigents.cli.show import Column, show_line, show_table
from ezaigents.cli.talk import say
from ezaigents.codec import printable
from ezaigents.errors import InputError
from ezaigents.home import open_home
from ezaigents.scorecard import (
    BOXES_TITLE,
    FULL,
    QUICK,
    Card,
    Kept,
    Now,
    PriceTable,
    Table,
    folder_of,
    heading,
    keep,
    keep_of,
    machine_line,
    measure_all,
    newest,
    notes_of,
    notices,
    read_kept,
    tables_of,
)
from ezaigents.settings import Settings

_ENDING = (signal.SIGTERM, signal.SIGHUP)


def kept_one(settings: Settings, table: PriceTable, agents: int, *, needed: bool) -> Kept | None:
    """The newest that is kept, with today's table of prices. Raises InputError where one is `needed` and none is."""
    folder = newest(settings.home_path)
    if folder is None:
        if needed:
            raise InputError("--show", "no scorecard is kept here; make one with `ez scorecard`, or `--quick`")
        say("no scorecard is kept here: measuring now")
        return None
    say(f"from the scorecard in {folder}")
    return keep_of(read_kept(folder).measured, table, agents)


def measured_one(settings: Settings, table: PriceTable, agents: int, *, quick: bool, out: Path | None) -> Kept:
    """Measure now, and write it down."""
    sizes, kind = (QUICK, "quick") if quick else (FULL, "full")
    say(f"measuring on this machine, {sizes.most_s / 60:.0f} minutes at most; Ctrl-C ends it with what there is")
    with _signals_interrupt(), _bar() as tell:
        measured = measure_all(kind, sizes, tell)
    kept = keep_of(measured, table, agents)
    if out is None:
        open_home(settings.home_path)
    for path in keep(kept, out or folder_of(settings.home_path, kept.card.at)):
        say(f"written: {path}")
    return kept


def show_card(card: Card) -> None:
    """Every table, and what is to be known of them."""
    show_line(f"A {heading(card)}.")
    for notice in notices(card):
        show_line(printable(notice))
    show_line(printable(f"Machine: {machine_line(card)}."))
    for table in tables_of(card):
        if table.title == BOXES_TITLE:
            show_line(f"\n{table.title}")
            _boxes(card)
        else:
            _show(table)
    show_line()
    show_line("How it was measured")
    for note in notes_of(card):
        show_line(printable(f"- {note}"))


def show_boxes(card: Card) -> None:
    """The success metrics alone."""
    show_line(f"By a {heading(card)}.")
    for notice in notices(card):
        show_line(printable(notice))
    show_line()
    _boxes(card)


def _boxes(card: Card) -> None:
    """As lines: what was found is not to be cut."""
    width = max(len(box.verdict.value) for box in card.boxes)
    for box in card.boxes:
        show_line(f"{box.verdict.value:<{width}}  {box.box}")
        show_line(printable(f"{'':<{width}}    {box.found}"))


def _show(table: Table) -> None:
    show_line()
    columns = [
        Column(head, right=index in table.numbers, text=index == len(table.heads) - 1 and not table.numbers)
        for index, head in enumerate(table.heads)
    ]
    show_table(columns, table.cells, title=table.title)
    if table.about:
        show_line(printable(table.about))


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """What asks this process to end interrupts it, as Ctrl-C does: it leaves nothing running."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (*_ENDING, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # clearing up is not interrupted again
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (*_ENDING, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Now], None]]:
    """Show where it is: a bar on a terminal, else a line for each step."""
    if not sys.stderr.isatty():
        began_s = time.monotonic()
        yield lambda now: say(
            f"{time.monotonic() - began_s:6.1f} s  fleet {now.number + 1} of {now.count}, {now.words}; "
            f"about {now.left_s:.0f} s left"
        )
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (MofNCompleteColumn(), BarColumn(bar_width=16), TimeElapsedColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        row = progress.add_task("", total=1, words="")
        yield lambda now: progress.update(
            row, completed=now.number, total=now.count, words=f"{now.words}; about {now.left_s:.0f} s left"
        )
