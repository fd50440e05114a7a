"""`ez prices`: what models cost, prices of one's own, and what was spent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cli.installed import Place

from ezaigents.budget import Budget, HoldName, Limits
from ezaigents.client import Client
from ezaigents.records import Usage
from ezaigents.settings import load_settings


@pytest.fixture
def place(place: Place) -> Place:
    """One whose user has a folder of settings of his own."""
    place.environ["EZ_CONFIG_HOME"] = str(place.home.parent / "config")
    return place


def _config(place: Place) -> Path:
    return Path(place.environ["EZ_CONFIG_HOME"]) / "prices.toml"


def _rows(place: Place) -> dict[str, dict[str, Any]]:
    return {f"{row['provider']}:{row['model']}": row for row in place.json("prices")["prices"]}


def test_prices_are_listed_without_a_fleet(place: Place) -> None:
    """With their source and dates; nothing is made by looking."""
    rows = place.json("prices")["prices"]
    assert {row["provider"] for row in rows} >= {"anthropic", "openai", "gemini", "deepseek", "mistral", "ollama"}
    assert all(row["source"] and row["origin"] == "packaged" for row in rows)
    assert [row["until"] for row in rows if row["model"] == "gemini-3.8-flash"] == ["", "2026-12-31"]
    table = place.ez("prices")
    assert table.out.splitlines()[0].split()[:4] == ["Provider", "Model", "Input", "Output"]
    assert (table.code, table.err) == (0, "")
    assert not place.home.exists()
    assert not _config(place).exists()


def test_a_price_is_set_changed_and_forgotten(place: Place) -> None:
    """The user's own counts from then on; forgotten, what was known before counts again."""
    name = "openai:gpt-6-sol"
    before = _rows(place)[name]
    done = place.ez("prices", "set", name, "--input", "3", "--output", "1.5", "--cache-read", "0.0028")
    assert (done.code, done.out) == (0, "")
    assert str(_config(place)) in done.err
    row = _rows(place)[name]
    assert (row["input_usd"], row["output_usd"], row["cache_read_usd"]) == (3, 1.5, 0.0028)
    assert row["origin"] == str(_config(place))
    assert place.ez("prices", "set", name, "--free").code == 0
    assert _rows(place)[name]["free"] is True
    assert place.ez("prices", "set", "x:other", "--input", "1", "--output", "1").code == 0
    assert place.ez("prices", "forget", name).code == 0
    assert _rows(place)[name] == before
    assert "x:other" in _rows(place)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("set", "x:m", "--input", "1"), "--input and --output are needed"),
        (("set", "x:m", "--input", "0", "--output", "1"), "--input"),
        (("set", "x:m", "--input", "nan", "--output", "1"), "--input"),
        (("set", "x:m", "--free", "--input", "1"), "--free goes alone"),
        (("set", "m", "--free"), "PROVIDER:MODEL"),
        (("forget", "x:m"), "you have set no price of x:m"),
        (("--json", "forget", "x:m"), "go with the list"),
    ],
)
def test_a_slip_is_told_and_changes_nothing(place: Place, args: tuple[str, ...], said: str) -> None:
    """Usage, exit code 2, one line; no file is made."""
    done = place.ez("prices", *args)
    assert (done.code, done.out) == (2, "")
    assert said in done.error
    assert not _config(place).exists()


def test_a_wrong_file_is_named(place: Place) -> None:
    """With the model and the field; it is not written over."""
    _config(place).parent.mkdir()
    _config(place).write_text('["x:m"]\ninput = 1\n')
    for args in ((), ("set", "y:m", "--free")):
        done = place.ez("prices", *args)
        assert done.code == 2
        assert f"{_config(place)}, key 'x:m': needs `input` and `output`" in done.error
    assert _config(place).read_text() == '["x:m"]\ninput = 1\n'


async def _spend(place: Place) -> None:
    """One call that was made, and one that is under way."""
    settings = load_settings(environ=place.environ, cwd=place.workspace)
    limits = Limits(task=2_000_000, agent=20_000_000, day=50_000_000, total=500_000_000)
    async with Client.connect(settings) as client:
        budget = Budget(client.queue, settings.home_path)
        for step in (1, 2):
            await budget.reserve(
                HoldName("t1", 7, step, 1), agent="claude", run="r", amount=90_000, least=1, limits=limits, ttl_s=600
            )
        await budget.settle(HoldName("t1", 7, 1, 1), 12_345, Usage(input=100, output=10))


def test_what_was_spent_is_asked_of_the_fleet(place: Place) -> None:
    """Without one it says so; else limit, spent, reserved and left of every budget, and fsck finds all in order."""
    gone = place.ez("prices", "--spent")
    assert gone.code == 3
    assert "`ez up`" in gone.error
    place.up()
    nothing = place.ez("prices", "--spent")
    assert (nothing.code, nothing.out) == (0, "")
    assert place.json("prices", "--spent") == {"scopes": []}
    asyncio.run(_spend(place))
    rows = {row["scope"].rpartition(":2")[0] or row["scope"]: row for row in place.json("prices", "--spent")["scopes"]}
    assert set(rows) == {"task:t1", "agent:claude", "day", "all"}
    assert rows["task:t1"] | {"used_ms": 0} == {
        "scope": "task:t1", "limit_microusd": 2_000_000, "spent_microusd": 12_345, "reserved_microusd": 90_000,
        "left_microusd": 1_897_655, "calls": 1, "input_tokens": 100, "output_tokens": 10, "used_ms": 0,
    }  # fmt: skip
    table = place.ez("prices", "--spent").out
    assert "0.012345 USD" in table
    assert "500.00 USD" in table
    found = {one["name"]: one["ok"] for one in json.loads(place.ez("fsck", "--json").out)["invariants"]}
    assert found["budgets"]
    assert found["holds"]
