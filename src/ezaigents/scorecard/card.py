"""From samples to a whole card: rows, boxes, costs, and what stands beside them. Job: put it together; pure."""

from __future__ import annotations

import msgspec

from ezaigents.scorecard.checks import boxes_of
from ezaigents.scorecard.costs import cost_of
from ezaigents.scorecard.quoted import CLAIMS, LEGACY, PLAN, VENDOR
from ezaigents.scorecard.rows import family_rows, legacy_rows, rows_of, switch_rows
from ezaigents.scorecard.samples import AFTER, BEFORE, LOCAL, Measuring
from ezaigents.scorecard.shown import Card, Family, Machine, PriceTable

_BUSY_SHARE = 0.5
"""A load above this share of the cores, before the first fleet, is somebody else's work."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down: the card, and all samples it was made of."""

    card: Card
    measured: Measuring


def keep_of(measured: Measuring, table: PriceTable, agents: int = 0) -> Kept:
    """Make the card. `agents`: of the team whose price is quoted, 0 = as many as asked a model here."""
    before = next((one for one in measured.profiles if one.name == BEFORE), None)
    card = Card(
        at=measured.at,
        kind=measured.kind,
        took_s=measured.took_s,
        partial=measured.partial,
        busy=_busy(measured.machine),
        machine=measured.machine,
        off=before.off if before else (),
        fleets=len(measured.samples),
        rows=tuple(rows_of(measured)),
        legacy=tuple(legacy_rows(measured)),
        switches=tuple(switch_rows(measured)),
        families=tuple(
            Family(sort=name, before_bytes=was, after_bytes=now) for name, was, now in family_rows(measured)
        ),
        boxes=tuple(boxes_of(measured)),
        cost=cost_of(measured, table, agents or len([name for name in measured.agents if name != LOCAL])),
        claims=CLAIMS,
        sources=(f"Claims: {PLAN}.", f"Legacy: {LEGACY}.", f"Recommended size: {VENDOR}."),
        method=_method(measured),
        not_measured=measured.not_measured,
        errors=tuple(f"{one.profile}, fleet {one.number}: {one.error}" for one in measured.samples if one.error),
    )
    return Kept(card=card, measured=measured)


def _busy(machine: Machine) -> str:
    if machine.load_1min <= _BUSY_SHARE * machine.cores:
        return ""
    return (
        f"the machine was busy with other things: load average {machine.load_1min:g} on {machine.cores} cores before "
        "the first fleet; times are worse than they would be, bytes and counts are not"
    )


def _method(measured: Measuring) -> tuple[str, ...]:
    sizes = measured.sizes
    turns = {name: sum(one.profile == name for one in measured.samples) for name in (BEFORE, AFTER)}
    fleets = (
        f"Fleets are `ez up` processes with data folders of their own on a disk ({measured.machine.filesystem}), the "
        "embedded engine, every write fsynced; all are the same but for the switches."
    )
    idle = (
        f"Idle: {sizes.idle_s:g} s after {sizes.settle_s:g} s of rest; memory at its end, RSS and PSS by "
        "/proc/PID/smaps_rollup; CPU by schedstat; commands and bytes by the engine's INFO less what asking added."
    )
    work = (
        f"Work: a task of each kind, {sizes.pickups} probes for each agent with a model, then {sizes.tasks} tasks at "
        f"once over {len(measured.agents)} agents (half of the models' change a file), then {sizes.messages} messages."
    )
    rest = (
        "After work: some seconds later, once the analyst's children have left. Messages were kept for "
        f"{sizes.message_ttl_s:g} s instead of an hour, in all fleets alike, so that their time passes; what is kept "
        "for ever stays."
    )
    tab = f"A tab was watched for {sizes.tab_s:g} s." if sizes.tab_s else "No tab was watched: there is no time for it."
    return (
        fleets,
        f"Everything off and everything on took turns: {turns[BEFORE]} and {turns[AFTER]} fleets.",
        "Models are simulated: one scripted server for all fleets, which is counted in none of them.",
        idle,
        work,
        rest,
        tab,
        "Figures are medians with the least and the most; n counts fleets, of pick-ups probes. A saving is of medians.",
    )
