"""What a fleet uses, as tables. Job: a look and its history to blocks of cells; pure. Not its job: drawing (show)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ezaigents.cli.show import Column
from ezaigents.codec import printable
from ezaigents.monitor import History, KeyRow, ProcessUse, Raised, Sample, sparkline
from ezaigents.workspace import human_size

_UNKNOWN = "?"
_ABOUT = "≈ "
_LIFE = {"none": "for ever", "all": "expire", "some": "some expire", "unknown": _UNKNOWN}
AGENTS_MOST = 50
_PAST = 40
"""Looks that a line of history shows."""


class Block(NamedTuple):
    """One table."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


def blocks(sample: Sample, history: History) -> list[Block]:
    """The tables of one look; those with nothing in them are left out."""
    found = [
        Block(heading(sample), (Column(""), Column("now", text=True), Column("lately")), _sums(sample, history)),
        Block("processes", _PROCESS, [_process(one) for one in sample.processes]),
        Block("containers", _CONTAINER, [
            [one.name, percent(one.cpu_share), human_size(one.memory_bytes), human_size(one.received_bytes),
             human_size(one.sent_bytes), one.image]
            for one in sample.containers
        ]),
        Block("keys in the engine", _KEY, [_key(one) for one in sample.engine.by_sort]),
        Block("agents", _AGENT, [
            [one.name, f"{one.busy} of {one.slots}", ("", _ABOUT)[one.is_estimate] + human_size(one.engine_bytes),
             one.state]
            for one in sample.agents[:AGENTS_MOST]
        ]),
    ]  # fmt: skip
    return [block for block in found if block.rows]


def remarks(sample: Sample, alarms: Sequence[Raised]) -> list[str]:
    """What stands below the tables, in words: alarms first, then what could not be looked at."""
    unsized = [f"keys: {sample.engine.keys_why}"] if sample.engine.keys_why else []
    lines = [f"alarm: {one.words}" for one in alarms]
    lines += [f"not seen: {why}" for why in (*sample.unseen, *unsized)]
    if any(one.keys_how == "estimated" or one.bytes_how == "estimated" for one in sample.engine.by_sort):
        seen, total = sample.engine.keys_seen, sample.engine.keys
        lines.append(f"{_ABOUT}estimated: {seen:,} of {total:,} keys were gone through, `sized` of each sort measured")
    if (more := len(sample.agents) - AGENTS_MOST) > 0:
        lines.append(f"{more:,} more agents; --json has all of them")
    return [printable(line) for line in lines]


def heading(sample: Sample) -> str:
    """When it was looked, and over which time rates and shares are."""
    over = f", over {sample.interval_s:.1f} s" if sample.interval_s else ""
    return f"{time.strftime('%H:%M:%S', time.gmtime(sample.at_ms / 1000))} UTC{over}"


def percent(share: float | None) -> str:
    """A share of one processor."""
    return _UNKNOWN if share is None else f"{100 * share:.1f} %"


def _sums(sample: Sample, history: History) -> list[list[str]]:
    past = history.points[-_PAST:]
    engine, network, total = sample.engine, sample.network, sample.total
    most = f" of {human_size(engine.most_bytes)}" if engine.most_bytes else ""
    queue = ", ".join(f"{count:,} {state}" for state, count in sample.queue.items() if count) or "empty"
    oldest = f", the oldest ready for {sample.oldest_wait_s:.0f} s" if sample.oldest_wait_s else ""
    rates = (_rate(network.received_per_s), _rate(network.sent_per_s), _rate(network.own_per_s))
    return [
        [
            "memory",
            f"{human_size(total.rss_bytes)}, PSS {_size(total.pss_bytes)}",
            _line(one.rss_bytes for one in past),
        ],
        ["processor", percent(total.cpu_share), _line(one.cpu_share for one in past)],
        [
            "engine",
            f"{human_size(engine.used_bytes)}{most}, {engine.keys:,} keys",
            _line(one.engine_bytes for one in past),
        ],
        ["network", "{} in, {} out, looking {}".format(*rates), _line(one.network_per_s for one in past)],
        ["queue", queue + oldest, _line(one.waiting + one.running for one in past)],
    ]


def _line(values: Iterable[float | None]) -> str:
    return sparkline(list(values))


def _size(size_bytes: int | None) -> str:
    return _UNKNOWN if size_bytes is None else human_size(size_bytes)


def _rate(per_s: float | None) -> str:
    return _UNKNOWN if per_s is None else f"{human_size(round(per_s))}/s"


_PROCESS = (Column("process", right=True), Column("role"), Column("name", text=True), Column("processor", right=True),
            Column("RSS", right=True), Column("PSS", right=True))  # fmt: skip
_CONTAINER = (Column("name", text=True), Column("processor", right=True), Column("memory", right=True),
              Column("in", right=True), Column("out", right=True), Column("image", text=True))  # fmt: skip
_KEY = (Column("sort"), Column("keys", right=True), Column("bytes", right=True), Column("sized", right=True),
        Column("life"))  # fmt: skip
_AGENT = (Column("agent", text=True), Column("busy", right=True), Column("in the engine", right=True),
          Column("state", text=True))  # fmt: skip


def _process(one: ProcessUse) -> list[str]:
    return [
        str(one.pid), one.role.value, one.name, percent(one.cpu_share), human_size(one.rss_bytes), _size(one.pss_bytes)
    ]  # fmt: skip


def _key(row: KeyRow) -> list[str]:
    keys = ("", _ABOUT)[row.keys_how == "estimated"] + f"{row.keys:,}"
    size = _size(row.bytes) if row.bytes is None or row.bytes_how == "counted" else _ABOUT + human_size(row.bytes)
    return [row.sort, keys, size, f"{row.sampled:,}", _LIFE[row.life]]
