"""What each model costs, and since when. Job: gather what is known, find the price that holds for a call.

A later source replaces whatever an earlier one says of a model: the packaged list, then `prices.toml` in the folder of
the user's settings, then the table `prices` of ezaigents.toml. Not its job: what a table may say (price_tables.py).
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from ezaigents.budget.errors import PriceUnknown
from ezaigents.budget.price_tables import FILE_NAME, check_model, prices_of, read_tables, write_tables
from ezaigents.budget.rates import Price
from ezaigents.errors import ConfigError
from ezaigents.settings import Settings

_PACKAGED = Path(__file__).parent / FILE_NAME
_log = logging.getLogger(__name__)
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})\Z")


class KnownPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One price and who says so: `packaged`, or the path of the file."""

    price: Price
    origin: str


class Prices:
    """Prices by `provider:model`. `settings`: whose own file is read again when it changes."""

    def __init__(self, known: Mapping[str, tuple[str, Sequence[Price]]], settings: Settings | None = None) -> None:
        self._as_read = dict(known)
        self._settings = settings
        self._stamp = _stamp(settings)

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Read all sources. Raises ConfigError naming file and key."""
        return cls(_read(settings), settings)

    @property
    def _known(self) -> dict[str, tuple[str, Sequence[Price]]]:
        """What is known now; a file that became wrong meanwhile has no effect before it is right again."""
        stamp = _stamp(self._settings)
        if stamp != self._stamp and self._settings is not None:
            self._stamp = stamp
            try:
                self._as_read = _read(self._settings)
            except ConfigError as error:
                _log.warning("prices stay as they were: %s", error)
        return self._as_read

    def price(self, provider: str, model: str, at_ms: int) -> Price | None:
        """What a call costs at a time (UTC); None when nobody says.

        The model under its own name, else without the date it ends with (`-20260901`, `-2026-09-01`), else the
        provider's `*`.
        """
        day = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).date().isoformat()
        for name in dict.fromkeys((model, _DATED.sub("", model), "*")):
            if f"{provider}:{name}" in self._known:
                _, prices = self._known[f"{provider}:{name}"]
                return next((price for price in prices if _holds(price, day)), None)
        return None

    def known_price(self, provider: str, model: str, at_ms: int) -> Price:
        """The same. Raises PriceUnknown, which says how to add one."""
        found = self.price(provider, model, at_ms)
        if found is None:
            listed = any(f"{provider}:{name}" in self._known for name in (model, _DATED.sub("", model)))
            raise PriceUnknown(f"{provider}:{model}", " at this time" if listed else "")
        return found

    def all(self) -> list[KnownPrice]:
        """Everything that is known, by name, the newest price of a model first."""
        return [
            KnownPrice(price=price, origin=origin)
            for _, (origin, prices) in sorted(self._known.items())
            for price in prices
        ]


def _read(settings: Settings) -> dict[str, tuple[str, Sequence[Price]]]:
    own = settings.config_path / FILE_NAME
    known: dict[str, tuple[str, Sequence[Price]]] = {}
    for origin, where, tables in (
        ("packaged", str(_PACKAGED), read_tables(_PACKAGED)),
        (str(own), str(own), read_tables(own)),
        ("ezaigents.toml", "ezaigents.toml, table 'prices'", settings.prices),
    ):
        known.update({model: (origin, prices_of(model, table, where)) for model, table in tables.items()})
    return known


def _stamp(settings: Settings | None) -> tuple[int, int]:
    """What tells one state of the user's own file from another; zeros where there is none."""
    if settings is None:
        return 0, 0
    try:
        facts = (settings.config_path / FILE_NAME).stat()
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_ino


def set_price(settings: Settings, model: str, table: Mapping[str, Any]) -> Path:
    """Write a price into the user's own file, in the place of what it says of this model. Raises ConfigError."""
    path = settings.config_path / FILE_NAME
    prices_of(model, dict(table), "the price")
    tables = read_tables(path)
    for name, other in tables.items():
        prices_of(name, other, str(path))
    write_tables(path, tables | {model: dict(table)})
    return path


def forget_price(settings: Settings, model: str) -> bool:
    """Take a price out of the user's own file; False when it has none of this model. Raises ConfigError."""
    path = settings.config_path / FILE_NAME
    check_model(model, "the price")
    tables = read_tables(path)
    if model not in tables:
        return False
    write_tables(path, {name: table for name, table in tables.items() if name != model})
    return True


def _holds(price: Price, day: str) -> bool:
    return price.from_day <= day and (not price.until_day or day <= price.until_day)
