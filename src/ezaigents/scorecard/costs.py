"""What the measured footprint costs in a cloud. Job: the smallest instance that holds it with head-room.

Instances only: storage and transfer depend on what the fleet is used for. The plan's rows are quoted beside.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from ezaigents.codec import from_plain
from ezaigents.errors import ConfigError
from ezaigents.scorecard import quoted
from ezaigents.scorecard.samples import AFTER, BEFORE, Measuring, Work
from ezaigents.scorecard.shown import Cost, CostRow, Instance, PriceTable

_TABLE = Path(__file__).parent / "instances.toml"
_MEMORY_FACTOR, _CPU_FACTOR = 2.0, 2.0
_SYSTEM_MIB = 256
HEADROOM = (
    "twice the most memory at work plus 256 MiB for the system, and twice the cores that the work takes at the rate "
    "that both profiles reached"
)
_TABLE_MOST_BYTES = 1024 * 1024


def read_prices(path: Path | None = None) -> PriceTable:
    """A table of prices; None = ours. Raises ConfigError naming file and field."""
    path = path or _TABLE
    try:
        if path.stat().st_size > _TABLE_MOST_BYTES:
            raise ConfigError(f"{path}: is larger than a table of prices may be ({_TABLE_MOST_BYTES:,} bytes)")
        table = from_plain(tomllib.loads(path.read_text("utf-8")), PriceTable)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; name a file with --prices") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}; src/ezaigents/scorecard/instances.toml shows the form") from error
    if not table.instance:
        raise ConfigError(f"{path}: names no instance; src/ezaigents/scorecard/instances.toml shows the form")
    return table


def cost_of(measuring: Measuring, table: PriceTable, agents: int) -> Cost:
    """Before, after, and `agents` processes at the size a vendor recommends."""
    rate = _common_rate(measuring)
    rows = [
        _measured(f"measured, everything {side}", measuring, profile, table, rate)
        for side, profile in (("off", BEFORE), ("on", AFTER))
    ]
    vendor = _smallest(table, agents * quoted.VENDOR_CPUS, agents * quoted.VENDOR_MEMORY_GIB)
    months = [row.month if row else None for row in rows]
    saving = months[0] - months[1] if months[0] is not None and months[1] is not None else None
    rows.append(
        CostRow(
            what=f"{agents} agents, a process each at the recommended size", cpus=agents * quoted.VENDOR_CPUS,
            memory_gib=agents * quoted.VENDOR_MEMORY_GIB, instance=vendor.name if vendor else "",
            month=vendor.month if vendor else None, quoted=True,
        )
    )  # fmt: skip
    return Cost(rows=tuple(row for row in rows if row), saving=saving, headroom=HEADROOM, table=table)


def _works(measuring: Measuring, profile: str) -> list[Work]:
    return [one.work for one in measuring.samples if one.profile == profile and one.work is not None]


def _common_rate(measuring: Measuring) -> float:
    """Tasks a second that both profiles reach: the lower of the two medians; 0 where none worked."""
    rates = [
        median(work.tasks / work.took_s for work in works)
        for profile in (BEFORE, AFTER)
        if (works := _works(measuring, profile))
    ]
    return min(rates, default=0.0)


def _measured(what: str, measuring: Measuring, profile: str, table: PriceTable, rate: float) -> CostRow | None:
    works = _works(measuring, profile)
    if not works:
        return None
    memory_gib = (max(work.peak_rss_bytes for work in works) * _MEMORY_FACTOR + _SYSTEM_MIB * 2**20) / 2**30
    cpus = max(work.cpu_s / work.tasks for work in works) * rate * _CPU_FACTOR
    found = _smallest(table, cpus, memory_gib)
    return CostRow(
        what=what, cpus=round(cpus, 2), memory_gib=round(memory_gib, 2), instance=found.name if found else "",
        month=found.month if found else None,
    )  # fmt: skip


def _smallest(table: PriceTable, cpus: float, memory_gib: float) -> Instance | None:
    """The cheapest that has both."""
    fitting: Sequence[Instance] = [one for one in table.instance if one.cpus >= cpus and one.memory_gib >= memory_gib]
    return min(fitting, key=lambda one: one.month, default=None)
