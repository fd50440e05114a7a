"""Prices as tables of TOML. Job: read and check one, with errors that name file and key; write the user's own.

A table is named `provider:model`, `provider:*` for every model of a provider that has none of its own. It holds a
price, or `dated`, a list of them; docs/budgets.md has the fields.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ezaigents.budget.rates import Price, Rates, Tier
from ezaigents.codec import to_json
from ezaigents.errors import ConfigError

FILE_NAME = "prices.toml"
_PICO_PER_USD_AND_MILLION = 1_000_000
_CACHE = ("cache_read", "cache_write", "cache_write_1h")
_MOST_USD = 1_000_000
_MODEL = re.compile(r"[a-z0-9][a-z0-9_.-]*:(\*|[^\s\"\\*\x00-\x1f\x7f]{1,200})\Z")
_HEAD = "# Prices of your own, in USD per million tokens; written by `ez prices set`, which does not keep remarks.\n"


class _Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    above_input_tokens: int
    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_day": "from"}):
    from_day: dt.date | None = None
    until: dt.date | None = None
    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    tiers: list[_Tier] = []
    batch: float = 1.0
    free: bool = False
    source: str = ""
    unverified: bool = False


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a file as they stand; empty when there is no file. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}; mend it, or remove it") from error


def check_model(model: str, where: str) -> None:
    """Raise ConfigError for what is no `provider:model`."""
    if not _MODEL.match(model):
        raise ConfigError(f"{where}: {model!r} is not PROVIDER:MODEL, such as openai:gpt-6.1-sol or ollama:*")


def prices_of(model: str, table: object, where: str) -> tuple[Price, ...]:
    """The prices in one table, the newest first. `where` names the file, for errors. Raises ConfigError."""
    check_model(model, where)
    here = f"{where}, key {model!r}"
    dated = table.get("dated") if isinstance(table, dict) else None
    if dated is not None and (not isinstance(dated, list) or not dated or table != {"dated": dated}):
        raise ConfigError(f"{here}: `dated` takes a list of tables, and stands alone")
    rows = [table] if dated is None else dated
    prices = []
    for number, row in enumerate(rows):
        spot = here if dated is None else f"{here}, dated[{number}]"
        try:
            entry = msgspec.convert(row, _Entry)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{spot}: {error}") from None
        prices.append(_price(model, entry, spot))
    return tuple(sorted(prices, key=lambda price: price.from_day, reverse=True))


def write_tables(path: Path, tables: Mapping[str, Any]) -> None:
    """Replace the user's file, whole or not at all; only its owner may read it. Raises ConfigError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(_HEAD + "".join(_written(model, table) for model, table in sorted(tables.items())))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _price(model: str, entry: _Entry, where: str) -> Price:
    if entry.from_day and entry.until and entry.until < entry.from_day:
        raise ConfigError(f"{where}: `until` is before `from`")
    if not 0 < entry.batch <= 1:
        raise ConfigError(f"{where}: batch takes a factor above 0, up to 1, not {entry.batch:g}")
    bounds = [tier.above_input_tokens for tier in entry.tiers]
    if any(bound < 1 for bound in bounds) or any(a >= b for a, b in itertools.pairwise(bounds)):
        raise ConfigError(f"{where}: `tiers` rise by `above_input_tokens`, from 1")
    base = _base(entry, where)
    return Price(
        model=model,
        base=base,
        tiers=tuple(Tier(above=tier.above_input_tokens, rates=_tier_rates(tier, base, where)) for tier in entry.tiers),
        batch=entry.batch,
        from_day=entry.from_day.isoformat() if entry.from_day else "",
        until_day=entry.until.isoformat() if entry.until else "",
        source=entry.source,
        unverified=entry.unverified,
        assumed=() if entry.free else tuple(name for name in _CACHE if getattr(entry, name) is None),
    )


def _base(entry: _Entry, where: str) -> Rates:
    if not entry.free:
        return _rates(entry, where)
    named = (entry.input, entry.output, entry.cache_read, entry.cache_write, entry.cache_write_1h)
    if entry.tiers or any(value is not None for value in named):
        raise ConfigError(f"{where}: has `free` and a price; take one of them away")
    return Rates(input=0, output=0, cache_read=0, cache_write=0, cache_write_1h=0)


def _rates(row: _Entry | _Tier, where: str) -> Rates:
    if row.input is None or row.output is None:
        raise ConfigError(f"{where}: needs `input` and `output`, USD per million tokens, or `free = true`")
    fresh, write = _pico("input", row.input, where), row.cache_write
    return Rates(
        input=fresh,
        output=_pico("output", row.output, where),
        cache_read=fresh if row.cache_read is None else _pico("cache_read", row.cache_read, where),
        cache_write=fresh * 5 // 4 if write is None else _pico("cache_write", write, where),
        cache_write_1h=fresh * 2 if row.cache_write_1h is None else _pico("cache_write_1h", row.cache_write_1h, where),
    )


def _tier_rates(tier: _Tier, base: Rates, where: str) -> Rates:
    """Cache prices that a tier does not name rise as its input does."""
    rates = _rates(tier, where)
    risen = {
        name: -(-getattr(base, name) * rates.input // base.input) for name in _CACHE if getattr(tier, name) is None
    }
    return msgspec.structs.replace(rates, **risen)


def _pico(field: str, amount_usd: float, where: str) -> int:
    """Refuses 0: what costs nothing says `free`, so that a slip never makes a model free."""
    least = 1 / _PICO_PER_USD_AND_MILLION
    if not least <= amount_usd <= _MOST_USD:
        raise ConfigError(
            f"{where}: {field} takes USD per million tokens from {least:f} to {_MOST_USD}, not {amount_usd:g}; "
            "a model that costs nothing has `free = true`"
        )
    return round(amount_usd * _PICO_PER_USD_AND_MILLION)


def _written(model: str, table: Mapping[str, Any]) -> str:
    name = _literal(model)
    if "dated" in table:
        return "".join(f"\n[[{name}.dated]]\n{_fields(row)}" for row in table["dated"])
    return f"\n[{name}]\n{_fields(table)}"


def _fields(row: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_literal(value)}\n" for key, value in row.items())


def _literal(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dt.date():
            return value.isoformat()
        case dict():
            return "{ " + ", ".join(f"{key} = {_literal(inner)}" for key, inner in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_literal, value)) + "]"
        case _:
            return to_json(value).decode()  # numbers and strings are written in TOML as in JSON
