"""From samples to rows: savings, spreads, verdicts, and what was not measured."""

from __future__ import annotations

import pytest
from tests.unit.scorecard.measured import ALONE, MB, measuring, sample

from ezaigents.scorecard.figures import percentile, stat_of
from ezaigents.scorecard.rows import family_rows, legacy_rows, rows_of, saving_of, switch_rows
from ezaigents.scorecard.samples import AFTER, BEFORE, Measuring, Size
from ezaigents.scorecard.shown import Row, Verdict


def _row(measured: Measuring, metric: str) -> Row:
    (found,) = [row for row in rows_of(measured) if row.metric == metric]
    return found


@pytest.mark.parametrize(("before", "after", "saving"), [(100, 10, 90), (10, 20, -100), (5, 5, 0), (0, 3, None)])
def test_a_saving_is_how_much_less_it_is(before: float, after: float, saving: float | None) -> None:
    """Dearer is negative; of nothing, nothing can be saved."""
    assert saving_of(before, after) == (None if saving is None else pytest.approx(saving))


def test_a_row_has_the_median_and_the_spread_of_all_fleets() -> None:
    """Before and after apart, with how many there were."""
    scales = [(BEFORE, 9.0), (AFTER, 1.0), (BEFORE, 10.0), (AFTER, 2.0), (BEFORE, 20.0)]
    measured = measuring(*(sample(profile, n, scale) for n, (profile, scale) in enumerate(scales)))
    row = _row(measured, "process start to all ready")
    assert row.before == stat_of([4.5, 5.0, 10.0])
    assert row.before is not None
    assert (row.before.median, row.before.least, row.before.most, row.before.n) == (5.0, 4.5, 10.0, 3)
    assert row.after == stat_of([0.5, 1.0])
    assert row.saving == pytest.approx(85)
    assert (row.target, row.verdict) == ("-90 %", Verdict.FAIL)


def test_a_target_that_is_not_reached_is_a_row_all_the_same() -> None:
    """Everything that costs as much as before fails, and is there."""
    measured = measuring(sample(BEFORE), sample(AFTER, 1))
    failed = {row.metric for row in rows_of(measured) if row.verdict is Verdict.FAIL}
    assert {"total, idle (RSS)", "idle", "engine, idle", "engine memory after work"} <= failed


def test_what_was_not_measured_is_neither_pass_nor_fail() -> None:
    """A fleet that went away in the middle leaves rows without figures."""
    gone = sample(BEFORE, idle=None, idle_memory=None, work=None, storage=None, pickups=(), error="it ended")
    rows = rows_of(measuring(gone, sample(AFTER, 1)))
    unknown = {row.metric for row in rows if row.before is None and row.group != "Size"}
    assert {"total, idle (RSS)", "per task", "p50, submit to claim", "tasks done, first claim to last end"} <= unknown
    assert all(row.saving is None for row in rows if row.metric in unknown)
    assert not [row for row in rows if row.metric in unknown and row.verdict in (Verdict.PASS, Verdict.FAIL)]


def test_nothing_measured_gives_rows_all_the_same() -> None:
    """Interrupted at once: every row is there."""
    assert {row.verdict for row in rows_of(measuring(sample(BEFORE, started_s=None, idle=None, idle_memory=None)))} >= {
        Verdict.UNKNOWN
    }


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((2.0,), (2.0,), Verdict.PASS),
        ((2.0,), (2.1,), Verdict.FAIL),
        ((1.9, 2.2), (2.1, 2.3), Verdict.PASS),  # the best after reaches the worst before
        ((1.0, 1.1), (1.2, 1.3), Verdict.FAIL),
    ],
)
def test_speed_may_be_lower_within_the_spread_only(
    before: tuple[float, ...], after: tuple[float, ...], verdict: Verdict
) -> None:
    """`took_s` of the workload: more is slower."""

    def taking(profile: str, took_s: float) -> object:
        made = sample(profile)
        assert made.work is not None
        import msgspec

        return msgspec.structs.replace(made, work=msgspec.structs.replace(made.work, took_s=took_s))

    samples = [taking(BEFORE, took_s) for took_s in before] + [taking(AFTER, took_s) for took_s in after]
    assert _row(measuring(*samples), "tasks done, first claim to last end").verdict is verdict  # type: ignore[arg-type]


def test_pickups_are_percentiles_over_all_probes() -> None:
    """Of two fleets with two probes each; n counts probes."""
    row = _row(measuring(sample(BEFORE, 0, 10.0), sample(AFTER, 1), sample(AFTER, 2, 3.0)), "p99, submit to claim")
    assert row.after is not None
    assert (row.after.median, row.after.least, row.after.most, row.after.n) == (12.0, 4.0, 12.0, 4)
    assert percentile([1, 2, 3, 4], 50) == 2


def test_the_size_has_no_before_and_an_image_only_where_there_is_one() -> None:
    """What is installed is the same with everything off; why there is no image is told."""
    installed, image = (_row(measuring(), name) for name in ("installed", "container image"))
    assert (installed.before, installed.verdict) == (None, Verdict.PASS)
    assert (image.after, image.verdict, image.note) == (None, Verdict.UNKNOWN, "there is none")
    heavy = measuring(image=Size(bytes=300 * MB, what="an image"))
    assert _row(heavy, "container image").verdict is Verdict.FAIL


def test_legacy_figures_are_quoted_and_say_so() -> None:
    """They are never in the table of what was measured, and each row says what it compares."""
    measured = measuring()
    rows = legacy_rows(measured)
    assert all(row.quoted and "measured here against quoted" in row.note for row in rows)
    assert not [row for row in rows_of(measured) if row.quoted]
    goals = {row.metric: row.target for row in rows if row.target}
    assert goals == {"memory": "-90 %", "idle network": "-98 %", "idle commands": "-98 %", "pick-up p50": "-99 %"}
    (pickup,) = [row for row in rows if row.metric == "pick-up p50"]
    assert pickup.after is not None
    assert (pickup.after.median, pickup.after.n) == (5.0, 1)  # of the one probe whose first model call is known


def test_a_switch_alone_is_compared_with_everything_on() -> None:
    """Differences below 5 % are left out; each row names the switch."""
    rows = switch_rows(measuring())
    assert {row.switch for row in rows} == set(ALONE.off)
    (memory,) = [row for row in rows if row.metric == "Memory: total, idle (RSS)"]
    assert (memory.off, memory.on) == (81.0, 41.0)
    (pickup,) = [row for row in rows if row.metric == "Pick-up: p50, submit to claim"]
    assert (pickup.off, pickup.on, pickup.saving) == (4.0, 2.0, 50.0)
    assert switch_rows(measuring(sample(AFTER), sample(ALONE.name, 1))) == []


def test_families_stand_beside_each_other() -> None:
    """A sort that only one of the two has is there with nothing for the other."""
    measured = measuring(sample(BEFORE), sample(AFTER, 1, storage=None))
    assert family_rows(measured) == [("t:", 700, 0)]
