"""Settings to a Caller. Job: put the parts of this room together. Nothing is opened here."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from ezaigents.clock import Clock, SystemClock
from ezaigents.providers.caller import Caller
from ezaigents.providers.catalogue import Catalogue, load_catalogue
from ezaigents.providers.client import Client, Deadlines
from ezaigents.providers.keys import KeyPool
from ezaigents.settings import Settings

KEYS_FOLDER = "keys"


def make_caller(settings: Settings, environ: Mapping[str, str], *, simulated_at: str = "") -> Caller:
    """A Caller over the settings' providers and the keys of this environment and the user's folder.

    `simulated_at`: as in `load_catalogue`. The HTTP client is made on the first call. Raises ConfigError.
    """
    catalogue = load_catalogue(settings, environ, simulated_at=simulated_at)
    clock = SystemClock()
    keys = make_keys(settings, catalogue, environ, clock)
    return Caller(catalogue, keys, Client(Deadlines.of(settings)), clock=clock, luck=_luck)


def _luck() -> float:
    """A number in [0, 1), without the weight of `random`."""
    return int.from_bytes(os.urandom(6), "big") / 2**48


def real_catalogue(settings: Settings, environ: Mapping[str, str]) -> Catalogue:
    """The catalogue as it is without a simulator, for those who ask about keys and addresses. Raises ConfigError."""
    return load_catalogue(msgspec.structs.replace(settings, models="real"), environ)


def make_keys(settings: Settings, catalogue: Catalogue, environ: Mapping[str, str], clock: Clock) -> KeyPool:
    """The keys of all providers of a catalogue."""
    folder = settings.config_path / KEYS_FOLDER
    return KeyPool(catalogue.providers, folder, environ, clock, simulated=catalogue.simulated)
