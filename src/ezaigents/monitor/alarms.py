"""Alarms. Job: limits as a user writes them, and which of them a look passes; pure. Not its job: telling anybody."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import msgspec

from ezaigents.errors import InputError
from ezaigents.monitor.sample import Sample
from ezaigents.policy import nearest_name
from ezaigents.workspace import human_size

Unit = Literal["bytes", "percent", "seconds", "count", "bytes/s"]
OFF = "off"
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z%/]*)\Z")
_KB = 1024.0
"""As sizes are shown everywhere."""
_BYTES: dict[str, float] = {
    "": 1, "b": 1, "kb": _KB, "kib": _KB, "mb": _KB**2, "mib": _KB**2, "gb": _KB**3, "gib": _KB**3,
}  # fmt: skip
_FACTORS: dict[Unit, dict[str, float]] = {
    "bytes": dict(_BYTES),
    "bytes/s": _BYTES | {f"{name}/s": factor for name, factor in _BYTES.items()},
    "percent": {"": 1, "%": 1},
    "seconds": {"": 1, "s": 1, "min": 60, "h": 3600},
    "count": {"": 1},
}
_EXAMPLE: dict[Unit, str] = {
    "bytes": "200MB", "bytes/s": "1MB/s", "percent": "50%", "seconds": "10min", "count": "10",
}  # fmt: skip


class Alarm(msgspec.Struct, frozen=True):
    """What is looked at. `value` gives None where it is not known. `usual`: the limit unless another is set."""

    about: str
    unit: Unit
    usual: float
    value: Callable[[Sample], float | None]


class Raised(msgspec.Struct, frozen=True):
    """An alarm whose value is above its limit; `words` say so to people."""

    alarm: str
    value: float
    limit: float
    words: str


def _engine_percent(sample: Sample) -> float | None:
    engine = sample.engine
    return 100 * engine.used_bytes / engine.most_bytes if engine.most_bytes else None


def _cpu_percent(sample: Sample) -> float | None:
    return None if sample.total.cpu_share is None else 100 * sample.total.cpu_share


ALARMS: dict[str, Alarm] = {
    "rss": Alarm("resident memory of the fleet", "bytes", _KB**3, lambda one: float(one.total.rss_bytes)),
    "cpu": Alarm("its processor time, of one processor", "percent", 300.0, _cpu_percent),
    "engine": Alarm("what the engine holds, of what it may", "percent", 80.0, _engine_percent),
    "net": Alarm("bytes in and out of the engine", "bytes/s", 10 * _KB**2, lambda one: one.network.others_per_s),
    "waiting": Alarm("tasks that are ready and wait", "count", 10_000.0, lambda one: float(one.queue["ready"])),
    "wait": Alarm("the longest wait of a ready task", "seconds", 600.0, lambda one: one.oldest_wait_s),
    "dead": Alarm("dead tasks", "count", 10.0, lambda one: float(one.queue["dead"])),
}


def limits_of(written: Iterable[str]) -> dict[str, float]:
    """The limits in force: the usual ones, and those that are written `NAME=LIMIT`; `NAME=off` takes one away.

    Raises InputError naming the alarm, and what it takes.
    """
    limits = {name: alarm.usual for name, alarm in ALARMS.items()}
    for text in written:
        name, _, limit = text.partition("=")
        name = name.strip()
        if name not in ALARMS:
            hint = nearest_name(name, ALARMS)
            known = f"did you mean {hint!r}?" if hint else f"there are {', '.join(ALARMS)}"
            raise InputError("alarm", f"no alarm {name[:40]!r}; {known}")
        if limit.strip().lower() == OFF:
            limits.pop(name, None)
        else:
            limits[name] = _limit(name, limit.strip())
    return limits


def _limit(name: str, text: str) -> float:
    unit = ALARMS[name].unit
    found = _WRITTEN.match(text)
    factor = _FACTORS[unit].get(found[2].lower()) if found else None
    if found is None or factor is None or not math.isfinite(value := float(found[1]) * factor):
        raise InputError("alarm", f"{name} takes a limit such as {name}={_EXAMPLE[unit]}, or off; not {text[:40]!r}")
    return value


def raised(sample: Sample, limits: Mapping[str, float]) -> list[Raised]:
    """The alarms whose value is known and above the limit."""
    found = []
    for name, limit in limits.items():
        alarm = ALARMS[name]
        value = alarm.value(sample)
        if value is not None and value > limit:
            words = f"{name}: {alarm.about}: {shown(value, alarm.unit)}, above {shown(limit, alarm.unit)}"
            found.append(Raised(name, value, limit, words))
    return found


def shown(value: float, unit: Unit) -> str:
    """A value as people read it."""
    match unit:
        case "bytes":
            return human_size(round(value))
        case "bytes/s":
            return f"{human_size(round(value))}/s"
        case "percent":
            return f"{value:.1f} %"
        case "seconds":
            return f"{value:.0f} s"
        case _:
            return f"{value:,.0f}"
