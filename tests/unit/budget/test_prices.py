"""Which price holds for a call: by name, by date, by who said it last; and what a table may say."""

from __future__ import annotations

import datetime as dt
import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ezaigents import budget
from ezaigents.budget import Prices, PriceUnknown, cost_microusd, forget_price, set_price
from ezaigents.budget.price_tables import prices_of
from ezaigents.errors import ConfigError
from ezaigents.records import Usage
from ezaigents.settings import Settings, load_settings
from ezaigents.trust import Trust

_PACKAGED = Path(budget.__file__).parent / "prices.toml"


def _settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(config_home=str(tmp_path / "config"), **given)


def _ms(date: str) -> int:
    return round(dt.datetime.fromisoformat(f"{date}+00:00").timestamp() * 1000)


def _input_usd(prices: Prices, name: str, date: str) -> float | None:
    provider, _, model = name.partition(":")
    found = prices.price(provider, model, _ms(date))
    return None if found is None else found.base.input / 1e6


@pytest.mark.parametrize(
    ("name", "date", "input_usd"),
    [
        ("openai:gpt-6.1-sol", "2026-11-28", 2),
        ("openai:gpt-6.1-sol-20260901", "2026-11-28", 2),
        ("openai:gpt-6.1-sol-2026-09-01", "2026-11-28", 2),
        ("openai:gpt-6.1-sol-2026", "2026-11-28", None),
        ("openai:gpt-6.1-sol-mini", "2026-11-28", None),
        ("openai:gpt-6.1", "2026-11-28", None),
        ("anthropic:gpt-6.1-sol", "2026-11-28", None),
        ("gemini:gemini-3.8-flash", "2026-12-31T23:59:59.999", 0.75),
        ("gemini:gemini-3.8-flash", "2027-01-01T00:00:00", 1.5),
        ("ollama:qwen:7b", "2026-11-28", 0),
    ],
)
def test_the_price_that_holds_is_found(tmp_path: Path, name: str, date: str, input_usd: float | None) -> None:
    """The exact name, else the one without its date, else every model of the provider; on the UTC day of the call."""
    assert _input_usd(Prices.load(_settings(tmp_path)), name, date) == input_usd


def test_an_exact_name_comes_before_a_shorter_one(tmp_path: Path) -> None:
    """A dated model may have a price of its own, and a model one beside its provider's."""
    tables = {
        "x:*": {"free": True},
        "x:m": {"input": 1, "output": 1},
        "x:m-20260901": {"input": 2, "output": 2},
    }
    prices = Prices.load(_settings(tmp_path, prices=tables))
    found = [_input_usd(prices, f"x:{name}", "2026-11-28") for name in ("m-20260901", "m-20261001", "m", "other")]
    assert found == [2, 1, 1, 0]


def test_the_last_source_counts(tmp_path: Path) -> None:
    """The user's own file replaces what is packaged, and ezaigents.toml both, model by model."""
    name = "openai:gpt-6-sol"
    assert _input_usd(Prices.load(_settings(tmp_path)), name, "2026-11-28") == 2
    path = set_price(_settings(tmp_path), name, {"input": 3.0, "output": 1.0})
    assert _input_usd(Prices.load(_settings(tmp_path)), name, "2026-11-28") == 3
    over = _settings(tmp_path, prices={name: {"input": 4, "output": 1}})
    assert _input_usd(Prices.load(over), name, "2026-11-28") == 4
    origins = {one.price.model: one.origin for one in Prices.load(over).all()}
    assert (origins[name], origins["openai:gpt-6-luna"]) == ("ezaigents.toml", "packaged")
    assert {one.origin for one in Prices.load(_settings(tmp_path)).all()} == {"packaged", str(path)}


def test_prices_stand_in_ezaigents_toml(tmp_path: Path) -> None:
    """As tables named by provider and model, dated where they change."""
    (tmp_path / "ezaigents.toml").write_text(
        '[prices."x:m"]\ninput = 1\noutput = 2\n[[prices."x:n".dated]]\nfrom = 2026-05-01\ninput = 3\noutput = 4\n'
        '[[prices."x:n".dated]]\nuntil = 2026-04-30\ninput = 5\noutput = 6\n'
    )
    Trust(tmp_path).add(tmp_path / "ezaigents.toml", (tmp_path / "ezaigents.toml").read_bytes())
    settings = load_settings({"config_home": str(tmp_path)}, environ={"HOME": str(tmp_path)}, cwd=tmp_path)
    prices = Prices.load(settings)
    found = [_input_usd(prices, name, date) for name, date in (("x:m", "2020-01-01"), ("x:n", "2026-04-30"))]
    assert [*found, _input_usd(prices, "x:n", "2026-05-01")] == [1, 5, 3]


def test_an_unknown_price_is_refused_with_what_to_type(tmp_path: Path) -> None:
    """Never taken for nothing: the error has the command that adds it."""
    prices = Prices.load(_settings(tmp_path))
    with pytest.raises(PriceUnknown, match="ez prices set x:new --input X --output Y") as refused:
        prices.known_price("x", "new", 0)
    assert (refused.value.model, refused.value.exit_code) == ("x:new", 2)
    old = Prices.load(_settings(tmp_path, prices={"x:m": {"from": dt.date(2027, 1, 1), "input": 1, "output": 1}}))
    with pytest.raises(PriceUnknown, match="at this time"):
        old.known_price("x", "m", _ms("2026-11-28"))
    assert old.known_price("x", "m", _ms("2027-01-01")).base.input == 1_000_000


def test_what_is_not_said_of_the_cache_is_taken_as_dear(tmp_path: Path) -> None:
    """A read costs as fresh input, a write a quarter more, an hour's write twice; and it is told which are assumed."""
    price = Prices.load(_settings(tmp_path, prices={"x:m": {"input": 4, "output": 1, "cache_read": 1}})).known_price(
        "x", "m", 0
    )
    assert (price.base.cache_read, price.base.cache_write, price.base.cache_write_1h) == (1e6, 5e6, 8e6)
    assert price.assumed == ("cache_write", "cache_write_1h")
    assert cost_microusd(Usage(cache_write=4), price) == 20


def test_cache_prices_rise_with_a_tier(tmp_path: Path) -> None:
    """Those that the tier does not name grow as its input does; those that it names are its own."""
    tier = {"above_input_tokens": 10, "input": 8, "output": 2, "cache_write_1h": 9}
    table = {"input": 4, "output": 1, "cache_read": 1, "cache_write": 5, "cache_write_1h": 6, "tiers": [tier]}
    (price,) = prices_of("x:m", table, "f")
    rates = price.rates_at(11)
    assert (rates.cache_read, rates.cache_write, rates.cache_write_1h) == (2e6, 10e6, 9e6)


@pytest.mark.parametrize(
    ("model", "table", "said"),
    [
        ("x", {"input": 1, "output": 1}, "PROVIDER:MODEL"),
        ("x:", {"input": 1, "output": 1}, "PROVIDER:MODEL"),
        ("x:a b", {"input": 1, "output": 1}, "PROVIDER:MODEL"),
        ("x:a*", {"input": 1, "output": 1}, "PROVIDER:MODEL"),
        ("x:m", 3, "object"),
        ("x:m", {"input": 1}, "output"),
        ("x:m", {"inptu": 1, "output": 1}, "inptu"),
        ("x:m", {"input": "1", "output": 1}, "input"),
        ("x:m", {"input": 0, "output": 1}, "free = true"),
        ("x:m", {"input": -1, "output": 1}, "input takes"),
        ("x:m", {"input": 1, "output": float("nan")}, "output takes"),
        ("x:m", {"input": 1, "output": float("inf")}, "output takes"),
        ("x:m", {"input": 1, "output": 1, "cache_read": 0}, "cache_read"),
        ("x:m", {"input": 1, "output": 1, "free": True}, "free"),
        ("x:m", {"input": 1, "output": 1, "batch": 0}, "batch"),
        ("x:m", {"input": 1, "output": 1, "batch": 1.5}, "batch"),
        ("x:m", {"input": 1, "output": 1, "from": "2026"}, "from"),
        ("x:m", {"input": 1, "output": 1, "from": dt.date(2026, 2, 1), "until": dt.date(2026, 1, 1)}, "before"),
        ("x:m", {"input": 1, "output": 1, "tiers": [{"above_input_tokens": 0, "input": 1, "output": 1}]}, "rise"),
        ("x:m", {"input": 1, "output": 1, "tiers": [{"input": 1, "output": 1}]}, "above_input_tokens"),
        ("x:m", {"dated": []}, "dated"),
        ("x:m", {"dated": [{"input": 1, "output": 1}], "input": 1}, "dated"),
        ("x:m", {"dated": [{"input": 1, "output": 1}, {"input": 1}]}, r"dated\[1\]"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, model: str, table: Any, said: str) -> None:
    """A slip stops the start; the error has the file, the model and the field, and nothing becomes free by it."""
    with pytest.raises(ConfigError, match=said) as refused:
        Prices.load(_settings(tmp_path, prices={model: table}))
    assert "ezaigents.toml" in str(refused.value)
    assert model in str(refused.value)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Every sort of field survives the writing of another; only its owner may read the file; a draft is not left."""
    settings = _settings(tmp_path)
    settings.config_path.mkdir()
    path = settings.config_path / "prices.toml"
    path.write_text(
        '["x:\\u00e9"]\ninput = 1\noutput = 2\nbatch = 0.5\nunverified = true\nsource = "a \\"b\\" \\\\ \\n"\n'
        "tiers = [{ above_input_tokens = 5, input = 2, output = 3 }]\n"
        '[["x:n".dated]]\nfrom = 2026-05-01\ninput = 0.000001\noutput = 4\n[["x:n".dated]]\nfree = true\n'
    )
    before = tomllib.loads(path.read_text("utf-8"))
    set_price(settings, "y:m", {"free": True})
    assert tomllib.loads(path.read_text("utf-8")) == before | {"y:m": {"free": True}}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in settings.config_path.iterdir()] == ["prices.toml"]
    assert forget_price(settings, "y:m")
    assert not forget_price(settings, "y:m")
    assert tomllib.loads(path.read_text("utf-8")) == before


def test_a_damaged_file_is_not_written_over(tmp_path: Path) -> None:
    """What cannot be read is named, and stays as it is."""
    settings = _settings(tmp_path)
    settings.config_path.mkdir()
    path = settings.config_path / "prices.toml"
    for text, said in (("[x", "is not TOML"), ('["x:m"]\ninput = 1\n', "output"), ("\udcff", "is not TOML")):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        for act in (lambda: Prices.load(settings), lambda: set_price(settings, "y:m", {"free": True})):
            with pytest.raises(ConfigError, match=said) as refused:
                act()
            assert str(path) in str(refused.value)
        assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_every_packaged_price_has_a_source() -> None:
    """Each says where it is from; none is free but what runs on one's own machine; ranges of dates do not overlap."""
    for model, table in tomllib.loads(_PACKAGED.read_text("utf-8")).items():
        prices = prices_of(model, table, str(_PACKAGED))
        assert all(price.source for price in prices), model
        assert all(price.free for price in prices) == (model.partition(":")[0] in ("ollama", "lmstudio", "vllm"))
        later_first = list(itertools.pairwise(prices))
        assert all(earlier.until_day < later.from_day for later, earlier in later_first), model
