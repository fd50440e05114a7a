"""Which optimisations the tests go without: `pytest --off NAME,...`. Job: what that is in settings and environment."""

from __future__ import annotations

import os
from typing import Any

from ezaigents.optimize import SWITCHES, environment, find_switch

VARIABLE = "EZ_TESTS_OFF"
"""Reaches the processes among which the tests are divided."""


def names() -> list[str]:
    """The switches that are off; `all` stands for every one."""
    said = [name for name in os.environ.get(VARIABLE, "").split(",") if name]
    return [switch.name for switch in SWITCHES] if said == ["all"] else said


def off_in_environment() -> dict[str, str]:
    """What a command needs in its environment."""
    return environment(names())


def off_in_settings() -> dict[str, Any]:
    """What Settings need that are made in the test's own process."""
    return {switch.setting: switch.off for switch in map(find_switch, names())}
