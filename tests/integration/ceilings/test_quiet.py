"""How much an idle fleet talks to its engine: never more than bench/ceilings.toml says, and never between sweeps."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bench.fleet import engine_connection, family, running_fleet, temporary_settings

from ezaigents.scorecard import Window, quiet_window
from ezaigents.settings import Settings

pytestmark = pytest.mark.usefixtures("byte_code")
_SWEEP_S = 0.5
_SWEEPS_S = 6.0
_BETWEEN_S = 5.0


def _watched(settings: Settings, window_s: float) -> Window:
    with running_fleet(settings) as process, engine_connection(settings) as connection:
        pids = family(process.pid, settings)
        # What belongs to the start ends when nothing was asked for a while.
        until = time.monotonic() + 10
        while quiet_window(connection, pids, 0.3).traffic.commands and time.monotonic() < until:
            pass
        return quiet_window(connection, pids, window_s)


def test_nothing_is_asked_between_sweeps() -> None:
    """A fleet with nothing to do sends no command at all until its next sweep, half a minute later."""
    with temporary_settings() as settings:
        assert _watched(settings, _BETWEEN_S).calls == {}


def test_polling_would_be_seen() -> None:
    """The rule above can fail: a fleet told to poll is not quiet."""
    with temporary_settings(delivery="poll", poll_s=0.5) as settings:
        assert _watched(settings, 1.5).traffic.commands > 0


def test_sweeps_fit_the_ceiling(ceilings: dict[str, dict[str, Any]]) -> None:
    """The commands and bytes of one sweep and sign of life, as often as they come by default, fit the ceilings."""
    with temporary_settings(sweep_s=_SWEEP_S) as settings:
        window = _watched(settings, _SWEEPS_S)
    sweeps = window.window_s / _SWEEP_S
    sweeps_per_min = 60 / Settings().sweep_s
    assert window.traffic.commands > 0
    assert window.traffic.commands / sweeps * sweeps_per_min <= ceilings["idle"]["commands_per_min"]
    mb_per_sweep = window.traffic.network_bytes / sweeps / 1e6
    assert mb_per_sweep * sweeps_per_min * 60 <= ceilings["idle"]["mb_per_hour"]
