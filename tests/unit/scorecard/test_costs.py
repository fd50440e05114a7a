"""The smallest instance that holds what was measured; tables of prices, ours and others."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from tests.unit.scorecard.measured import measuring, sample

from ezaigents.errors import ConfigError
from ezaigents.scorecard.costs import cost_of, read_prices
from ezaigents.scorecard.samples import AFTER, BEFORE
from ezaigents.scorecard.shown import Instance, PriceTable

_TABLE = PriceTable(
    date=dt.date(2026, 1, 1),
    currency="EUR",
    source="made up",
    instance=(
        Instance(name="dear", cpus=2, memory_gib=1, month=50),
        Instance(name="cheap", cpus=2, memory_gib=1, month=5),
        Instance(name="large", cpus=8, memory_gib=8, month=40),
    ),
)


def test_it_is_the_cheapest_that_holds_it_with_headroom() -> None:
    """100 MB at work become 0.44 GiB; 0.5 busy cores become one. Ten times as much fits the large one only."""
    cost = cost_of(measuring(), _TABLE, 6)
    before, after, vendor = cost.rows
    assert (after.instance, after.cpus, after.memory_gib) == ("cheap", 1.0, 0.44)
    assert (before.instance, before.cpus, before.memory_gib) == ("", 10.0, 2.11)
    assert cost.saving is None
    assert (vendor.instance, vendor.memory_gib, vendor.cpus, vendor.quoted) == ("large", 6, 6, True)


def test_who_works_faster_is_not_said_to_need_more() -> None:
    """Cores are those for the rate that both reach: half the time for the same work is no dearer."""
    slow = sample(AFTER, 1)
    assert slow.work is not None
    fast = sample(BEFORE, work=msgspec.structs.replace(slow.work, took_s=slow.work.took_s / 2))
    before, after, _ = cost_of(measuring(fast, slow), _TABLE, 1).rows
    assert before.cpus == after.cpus == 1.0


def test_the_saving_is_a_month_of_both() -> None:
    """Where both are known."""
    cost = cost_of(measuring(sample(BEFORE, 0, 5.0), sample(AFTER, 1)), _TABLE, 100)
    assert [row.instance for row in cost.rows] == ["large", "cheap", ""]
    assert cost.saving == 35


def test_a_profile_that_was_not_measured_has_no_row() -> None:
    """Nothing is assumed for it."""
    cost = cost_of(measuring(sample(AFTER)), _TABLE, 1)
    assert [row.quoted for row in cost.rows] == [False, True]
    assert cost.saving is None


def test_our_table_is_dated_sourced_and_has_the_rows_of_the_plan() -> None:
    """They are quoted: nothing is computed from them."""
    table = read_prices()
    assert table.date.year >= 2026
    assert table.source
    assert sum(row.before_month for row in table.quoted) == 660
    assert sum(row.after_month for row in table.quoted) == 71


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("date = [", "prices.toml"),
        ("currency = 'USD'", "missing"),
        ("date = 2026-01-01\ncurrency = 'USD'\nsource = 's'\ninstance = []", "no instance"),
        ("date = 2026-01-01\ncurrency = 'USD'\nsource = 's'\n[[instance]]\nname = 'a'\ncpus = 'two'", "cpus"),
        ("date = 2026-01-01\ncurrency = 'USD'\nsource = 's'\ncolour = 1\ninstance = []", "colour"),
    ],
)
def test_a_table_that_cannot_be_read_names_the_file_and_what_is_wrong(tmp_path: Path, text: str, word: str) -> None:
    """And where the form is shown."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=word) as told:
        read_prices(path)
    assert str(path) in str(told.value)


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    """With the option to mend."""
    with pytest.raises(ConfigError, match="--prices"):
        read_prices(tmp_path / "none.toml")
