"""The seven boxes at the end of the plan. Job: each as a check of what was measured; pure."""

from __future__ import annotations

from collections.abc import Sequence

from ezaigents.codec import counted
from ezaigents.scorecard.rows import rows_of
from ezaigents.scorecard.samples import AFTER, BEFORE, Measuring
from ezaigents.scorecard.shown import Box, Row, Verdict

_START_MOST_S = 60
_MEMORY_MOST_MB = 3000
_SIZE_MOST_MB = 200
_ENGINE_MOST_MB = 200
_NETWORK_SAVING = 90


def boxes_of(measuring: Measuring) -> list[Box]:
    """All seven. A figure that was not measured is no PASS."""
    rows = {(row.group, row.metric): row for row in rows_of(measuring)}
    after = [one for one in measuring.samples if one.profile == AFTER]
    started = [one.started_s for one in after if one.started_s is not None]
    memory = [one.work.peak_rss_bytes / 1e6 for one in after if one.work is not None]
    engine = [one.storage.used_bytes / 1e6 for one in after if one.storage is not None]
    return [
        _below("All agents start in under 60 seconds", started, _START_MOST_S, "s", "the slowest of {n}"),
        _below("Total memory usage under 3 GB", memory, _MEMORY_MOST_MB, "MB", "the most at work of {n}, RSS"),
        _sizes([rows["Size", "installed"], rows["Size", "container image"]]),
        _below(
            "Engine memory usage under 200 MB", engine, _ENGINE_MOST_MB, "MB", "after the workload, the most of {n}"
        ),
        _network(rows["Network", "engine, idle"]),
        _kinds(measuring),
        _speed(rows["Throughput", "tasks done, first claim to last end"]),
    ]


def all_pass(boxes: Sequence[Box]) -> bool:
    """Whether every box is ticked."""
    return all(box.verdict is Verdict.PASS for box in boxes)


def _below(box: str, values: Sequence[float], most: float, unit: str, how: str) -> Box:
    if not values:
        return Box(box=box, verdict=Verdict.UNKNOWN, found="not measured")
    worst = max(values)
    verdict = Verdict.PASS if worst < most else Verdict.FAIL
    return Box(box=box, verdict=verdict, found=f"{worst:.3g} {unit}, {how.format(n=counted(len(values), 'fleet'))}")


def _sizes(rows: Sequence[Row]) -> Box:
    """The image counts where there is one; what is installed always does."""
    known = [row for row in rows if row.after is not None]
    found = "; ".join(
        f"{row.metric}: {f'{row.after.median:.0f} MB' if row.after else f'not measured ({row.note})'}" for row in rows
    )
    is_good = bool(known) and all(row.verdict is Verdict.PASS for row in known)
    verdict = Verdict.PASS if is_good else Verdict.FAIL if known else Verdict.UNKNOWN
    return Box(box="Container sizes under 200 MB each", verdict=verdict, found=found)


def _network(row: Row) -> Box:
    box = "Network traffic reduced by 90 %"
    if row.saving is None or row.before is None or row.after is None:
        return Box(box=box, verdict=Verdict.UNKNOWN, found="not measured")
    verdict = Verdict.PASS if row.saving >= _NETWORK_SAVING else Verdict.FAIL
    found = f"-{row.saving:.1f} %: {row.before.median:.3g} to {row.after.median:.3g} MB/h of the engine, idle"
    return Box(box=box, verdict=verdict, found=found)


def _kinds(measuring: Measuring) -> Box:
    box = "All functional tests pass"
    words = "a built-in self-check (a task of each kind through the fleet), not the test suite: "
    done = failed = 0
    for profile in (BEFORE, AFTER):
        kinds = [kind for one in measuring.samples if one.profile == profile for kind in one.kinds]
        if not kinds:
            return Box(box=box, verdict=Verdict.UNKNOWN, found=f"{words}not done with everything {_side(profile)}")
        done += sum(kind.state == "done" for kind in kinds)
        failed += sum(kind.state != "done" for kind in kinds)
    found = f"{words}{done} of {done + failed} done, with everything off and with everything on"
    return Box(box=box, verdict=Verdict.FAIL if failed else Verdict.PASS, found=found)


def _side(profile: str) -> str:
    return "off" if profile == BEFORE else "on"


def _speed(row: Row) -> Box:
    box = "No degradation in task processing speed"
    if row.before is None or row.after is None:
        return Box(box=box, verdict=Verdict.UNKNOWN, found="not measured")
    found = (
        f"{row.before.median:.1f} ({row.before.least:.1f}-{row.before.most:.1f}) before, "
        f"{row.after.median:.1f} ({row.after.least:.1f}-{row.after.most:.1f}) tasks/s after"
    )
    return Box(box=box, verdict=row.verdict, found=found)
