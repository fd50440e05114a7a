"""A scorecard as it is told: records alone. Job: what rows, boxes, costs and the whole card are made of.

Apart from what makes them, so that a site that only knows their form loads nothing else.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

import msgspec


class Stat(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that was measured `n` times: the median, and between what it lay."""

    median: float
    least: float
    most: float
    n: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured. `load_1min`: before the first fleet. `fsync_ms`: median in the folder of the fleets."""

    cores: int
    cpu: str
    memory_bytes: int
    kernel: str
    python: str
    ezaigents: str
    engine: str
    filesystem: str
    fsync_ms: float
    load_1min: float


class Verdict(StrEnum):
    """`NONE`: there is no target to be reached."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    UNKNOWN = "not measured"
    NONE = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the tables. `saving`: percent, negative = it costs more. `quoted`: `before` was not measured here."""

    group: str
    metric: str
    unit: str
    before: Stat | None
    after: Stat | None
    saving: float | None
    target: str = ""
    verdict: Verdict = Verdict.NONE
    note: str = ""
    quoted: bool = False


class SwitchRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one switch is worth alone: a figure with everything on, and without it."""

    switch: str
    metric: str
    unit: str
    on: float
    off: float
    saving: float | None


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """One box: what the plan says, what was found."""

    box: str
    verdict: Verdict
    found: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the plan's first table."""

    metric: str
    before: str
    after: str
    saving: str


class Instance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a price table. `month`: what it costs a month."""

    name: str
    cpus: float
    memory_gib: float
    month: float


class QuotedCost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the plan."""

    what: str
    before: str
    before_month: float
    after: str
    after_month: float


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What instances cost, since when, and who says so."""

    date: dt.date
    currency: str
    source: str
    instance: tuple[Instance, ...]
    quoted: tuple[QuotedCost, ...] = ()


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """What something needs, and the smallest instance that has it; "" = none of the table does."""

    what: str
    cpus: float
    memory_gib: float
    instance: str
    month: float | None
    quoted: bool = False


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """`saving`: a month, of what is measured; None where one of the two is not known."""

    rows: tuple[CostRow, ...]
    saving: float | None
    headroom: str
    table: PriceTable


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of one sort of key, after the workload."""

    sort: str
    before_bytes: int
    after_bytes: int


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """`partial`: why it is not whole, "" = it is. `busy`: what else the machine did, "" = little.

    `off`: the optimisations that "before" goes without. `method`: how, in sentences. `errors`: of fleets.
    """

    at: str
    kind: str
    took_s: float
    partial: str
    busy: str
    machine: Machine
    off: tuple[str, ...]
    fleets: int
    rows: tuple[Row, ...]
    legacy: tuple[Row, ...]
    switches: tuple[SwitchRow, ...]
    families: tuple[Family, ...]
    boxes: tuple[Box, ...]
    cost: Cost
    claims: tuple[Claim, ...]
    sources: tuple[str, ...]
    method: tuple[str, ...]
    not_measured: tuple[str, ...]
    errors: tuple[str, ...]
