"""From samples to rows: before, after, saving, target, verdict. Job: pure decisions; a row not reached is a row.

A saving is that of the medians. Not its job: measuring, and how a row is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from ezaigents.scorecard import quoted
from ezaigents.scorecard.figures import percentile, stat_of
from ezaigents.scorecard.samples import AFTER, BEFORE, Measuring, PartMemory, Sample
from ezaigents.scorecard.shown import Row, Stat, SwitchRow, Verdict

_MB = 1e6
_HOUR_S = 3600
_AGAINST = "measured here against quoted"


_Read = Callable[[Sample], "float | None"]


class _Metric(msgspec.Struct, frozen=True, kw_only=True):
    """How a row is read from a sample. `goal`: the saving to reach, in percent."""

    group: str
    name: str
    unit: str
    read: _Read
    goal: float | None = None
    note: str = ""


def _part(which: str, read: Callable[[PartMemory], float]) -> _Read:
    def from_sample(sample: Sample) -> float | None:
        memory: PartMemory | None = getattr(sample, which)
        return None if memory is None else read(memory) / _MB

    return from_sample


def _idle(read: Callable[[Sample], float]) -> _Read:
    return lambda sample: None if sample.idle is None else read(sample)


def _network_mb_h(sample: Sample) -> float:
    assert sample.idle is not None
    return sample.idle.traffic.network_bytes / sample.idle.window_s * _HOUR_S / _MB


def _commands_s(sample: Sample) -> float:
    assert sample.idle is not None
    return sample.idle.traffic.commands / sample.idle.window_s


def _cpu_min(sample: Sample) -> float:
    assert sample.idle is not None
    return sample.idle.cpu_s / sample.idle.window_s * 60


def _tab_mb_h(sample: Sample) -> float | None:
    tab = sample.tab
    return None if tab is None else (tab.sent_bytes + tab.received_bytes) / tab.window_s * _HOUR_S / _MB


def _tasks_s(sample: Sample) -> float | None:
    return None if sample.work is None else sample.work.tasks / sample.work.took_s


def _memory(name: str, which: str, read: Callable[[PartMemory], float], goal: float | None = None) -> _Metric:
    return _Metric(group="Memory", name=name, unit="MB", read=_part(which, read), goal=goal)


_METRICS = (
    _memory("hosts, idle (RSS)", "idle_memory", lambda memory: memory.hosts.rss_bytes),
    _memory("engine, idle (RSS)", "idle_memory", lambda memory: memory.engine.rss_bytes),
    _memory("children, idle (RSS)", "idle_memory", lambda memory: memory.children.rss_bytes),
    _memory("total, idle (RSS)", "idle_memory", lambda memory: memory.rss_bytes, 80),
    _memory("total, idle (PSS)", "idle_memory", lambda memory: memory.pss_bytes, 80),
    _memory("total, dashboard open (RSS)", "visited_memory", lambda memory: memory.rss_bytes, 80),
    _memory("total, after work (RSS)", "after_memory", lambda memory: memory.rss_bytes, 80),
    _memory("total, after work (PSS)", "after_memory", lambda memory: memory.pss_bytes, 80),
    _Metric(
        group="Memory", name="most at work (RSS)", unit="MB", goal=80,
        read=lambda s: None if s.work is None else s.work.peak_rss_bytes / _MB,
        note="looked at four times a second, analyst children included",
    ),
    _Metric(group="CPU", name="idle", unit="CPU-s/min", read=_idle(_cpu_min), goal=70, note="engine included"),
    _Metric(
        group="CPU", name="per task", unit="CPU-ms", goal=70,
        read=lambda s: None if s.work is None else s.work.cpu_s / s.work.tasks * 1000,
        note="engine and children included, simulated models not",
    ),
    _Metric(group="Network", name="engine, idle", unit="MB/h", read=_idle(_network_mb_h), goal=90, note="extrapolated"),
    _Metric(group="Network", name="engine commands, idle", unit="1/s", read=_idle(_commands_s), goal=90),
    _Metric(
        group="Network", name="engine, per task", unit="KB",
        read=lambda s: None if s.work is None else s.work.engine_bytes / s.work.tasks / 1000, goal=90,
    ),
    _Metric(
        group="Network", name="open tab, idle (HTTP)", unit="MB/h", read=_tab_mb_h, goal=90,
        note="extrapolated; the requests of a tab, made without a browser",
    ),
    _Metric(
        group="Storage", name="engine memory after work", unit="MB", goal=90,
        read=lambda s: None if s.storage is None else s.storage.used_bytes / _MB, note="tasks, messages, registrations",
    ),
    _Metric(
        group="Storage", name="of it above empty", unit="MB", goal=90,
        read=lambda s: None if s.storage is None else (s.storage.used_bytes - s.storage.empty_bytes) / _MB,
    ),
    _Metric(
        group="Storage", name="engine log on disk (AOF)", unit="MB", goal=90,
        read=lambda s: None if s.storage is None else s.storage.aof_bytes / _MB,
    ),
    _Metric(
        group="Start-up", name="process start to all ready", unit="s", read=lambda s: s.started_s, goal=90,
    ),
)  # fmt: skip


def rows_of(measuring: Measuring) -> list[Row]:
    """Every row, in the order of the plan's table."""
    by_profile = {name: [one for one in measuring.samples if one.profile == name] for name in (BEFORE, AFTER)}
    rows = [_row(metric, by_profile[BEFORE], by_profile[AFTER]) for metric in _METRICS]
    return [
        *rows, *_sizes(measuring), *_pickups(by_profile[BEFORE], by_profile[AFTER]),
        throughput_row(by_profile[BEFORE], by_profile[AFTER]),
    ]  # fmt: skip


def saving_of(before: float, after: float) -> float | None:
    """How much less it is, in percent; None where there was nothing to save."""
    return (1 - after / before) * 100 if before > 0 else None


def _row(metric: _Metric, before: Iterable[Sample], after: Iterable[Sample]) -> Row:
    was, now = _stat(metric.read, before), _stat(metric.read, after)
    saving = saving_of(was.median, now.median) if was and now else None
    return Row(
        group=metric.group, metric=metric.name, unit=metric.unit, before=was, after=now, saving=saving,
        target=f"-{metric.goal:g} %" if metric.goal is not None else "",
        verdict=_verdict(was, now, saving, metric.goal), note=metric.note,
    )  # fmt: skip


def _verdict(was: Stat | None, now: Stat | None, saving: float | None, goal: float | None) -> Verdict:
    if goal is None:
        return Verdict.NONE
    if was is None or now is None or saving is None:
        return Verdict.UNKNOWN
    return Verdict.PASS if saving >= goal else Verdict.FAIL


def _stat(read: _Read, samples: Iterable[Sample]) -> Stat | None:
    return stat_of([found for sample in samples if (found := read(sample)) is not None])


def _sizes(measuring: Measuring) -> list[Row]:
    rows = []
    for name, size in (("installed", measuring.installed), ("container image", measuring.image)):
        now = None if size.bytes is None else stat_of([size.bytes / _MB])
        verdict = Verdict.UNKNOWN if now is None else Verdict.PASS if now.median < 200 else Verdict.FAIL
        note = size.why or f"{size.what}; the same code with everything off, so there is no before"
        rows.append(
            Row(
                group="Size", metric=name, unit="MB", before=None, after=now, saving=None, target="< 200 MB",
                verdict=verdict, note=note,
            )
        )  # fmt: skip
    return rows


def _pickups(before: Sequence[Sample], after: Sequence[Sample]) -> list[Row]:
    """Percentiles over all probes of a profile; the spread is that of its fleets."""
    rows = []
    for percent in (50, 99):
        stats = []
        for samples in (before, after):
            every = [one.claimed_ms for sample in samples for one in sample.pickups]
            fleets = [
                percentile([one.claimed_ms for one in sample.pickups], percent) for sample in samples if sample.pickups
            ]
            stats.append(
                Stat(median=percentile(every, percent), least=min(fleets), most=max(fleets), n=len(every))
                if every else None
            )  # fmt: skip
        was, now = stats
        saving = saving_of(was.median, now.median) if was and now else None
        rows.append(
            Row(
                group="Pick-up", metric=f"p{percent}, submit to claim", unit="ms", before=was, after=now, saving=saving,
                target="not slower", verdict=_verdict(was, now, saving, 0),
                note="one task at a time for each agent, at any moment of a second; until the engine told of the claim",
            )
        )  # fmt: skip
    return rows


def throughput_row(before: Sequence[Sample], after: Sequence[Sample]) -> Row:
    """Not lower: the best with everything on is at least the least with everything off, or its median is."""
    was, now = _stat(_tasks_s, before), _stat(_tasks_s, after)
    verdict = Verdict.UNKNOWN
    if was and now:
        verdict = Verdict.PASS if now.median >= was.median or now.most >= was.least else Verdict.FAIL
    return Row(
        group="Throughput", metric="tasks done, first claim to last end", unit="1/s", before=was, after=now,
        saving=saving_of(was.median, now.median) if was and now else None, target="not lower, within the spread",
        verdict=verdict,
        note="more is better; models answer at once: this is our own work, and processes share it out to cores",
    )  # fmt: skip


def legacy_rows(measuring: Measuring) -> list[Row]:
    """What is measured here with everything on, against what was measured of the legacy system elsewhere."""
    after = [one for one in measuring.samples if one.profile == AFTER]
    calls = [one.called_ms for sample in after for one in sample.pickups if one.called_ms is not None]
    memory = _stat(_part("visited_memory", lambda m: m.rss_bytes), after)
    installed = measuring.installed.bytes
    pairs = (
        (quoted.LEGACY_MEMORY, memory or _stat(_part("idle_memory", lambda m: m.rss_bytes), after)),
        (quoted.LEGACY_CPU, _stat(_idle(_cpu_min), after)),
        (quoted.LEGACY_NETWORK, _stat(_idle(_network_mb_h), after)),
        (quoted.LEGACY_COMMANDS, _stat(_idle(_commands_s), after)),
        (quoted.LEGACY_PICKUP, _median_call(calls)),
        (quoted.LEGACY_START, _stat(lambda s: s.started_s, after)),
        (quoted.LEGACY_TAB, _stat(_tab_mb_h, after)),
        (quoted.LEGACY_INSTALL, None if installed is None else stat_of([installed / _MB])),
    )
    return [_against(old, now) for old, now in pairs]


def _median_call(calls: Sequence[float]) -> Stat | None:
    return Stat(median=percentile(calls, 50), least=min(calls), most=max(calls), n=len(calls)) if calls else None


def _against(old: quoted.OldFigure, now: Stat | None) -> Row:
    saving = saving_of(old.figure, now.median) if now else None
    was = Stat(median=old.figure, least=old.figure, most=old.figure, n=1)
    return Row(
        group="Legacy", metric=old.metric, unit=old.unit, before=was, after=now, saving=saving,
        target=f"-{old.goal:g} %" if old.goal is not None else "", verdict=_verdict(was, now, saving, old.goal),
        note=f"{_AGAINST} ({old.how})", quoted=True,
    )  # fmt: skip


_OF_SWITCHES = (
    *(metric for metric in _METRICS if metric.goal is not None),
    _Metric(
        group="Pick-up", name="p50, submit to claim", unit="ms",
        read=lambda s: percentile([one.claimed_ms for one in s.pickups], 50) if s.pickups else None,
    ),
    _Metric(group="Throughput", name="tasks done (more is better)", unit="1/s", read=_tasks_s),
)  # fmt: skip


def switch_rows(measuring: Measuring) -> list[SwitchRow]:
    """What each switch is worth alone, in the rows that have a target, where it makes a difference of 5 % or more."""
    on = [one for one in measuring.samples if one.profile == AFTER]
    rows = []
    for profile in measuring.profiles:
        if profile.name in (BEFORE, AFTER):
            continue
        off = [one for one in measuring.samples if one.profile == profile.name]
        for metric in _OF_SWITCHES:
            with_it, without = _stat(metric.read, on), _stat(metric.read, off)
            if with_it is None or without is None:
                continue
            saving = saving_of(without.median, with_it.median)
            if saving is not None and abs(saving) >= 5:
                rows.append(
                    SwitchRow(
                        switch=profile.off[0], metric=f"{metric.group}: {metric.name}", unit=metric.unit,
                        on=with_it.median, off=without.median, saving=saving,
                    )
                )  # fmt: skip
    return rows


def family_rows(measuring: Measuring) -> list[tuple[str, int, int]]:
    """Bytes by sort of key, before and after; of the last fleet of each profile."""
    last: dict[str, dict[str, int]] = {BEFORE: {}, AFTER: {}}
    for sample in measuring.samples:
        if sample.profile in last and sample.storage is not None:
            last[sample.profile] = sample.storage.families
    names = sorted({*last[BEFORE], *last[AFTER]}, key=lambda name: -last[BEFORE].get(name, 0))
    return [(name, last[BEFORE].get(name, 0), last[AFTER].get(name, 0)) for name in names]
