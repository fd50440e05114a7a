"""The folder in which a restore works. Job: what lies where in it, and the engine that a killed restore left there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ezaigents.engine import is_held
from ezaigents.home import RESTORING
from ezaigents.settings import Settings

STAGED = "data"
LOCK = "lock"


def staged_settings(settings: Settings, staged: Path) -> Settings:
    """The settings under which an embedded engine runs on what is being restored."""
    return msgspec.structs.replace(settings, home=str(staged), redis_url="")


def left_behind(settings: Settings) -> Settings | None:
    """The settings of an engine that a killed restore may have left (`find_orphan`, `stop_orphan`).

    None where no restore was cut short, and where one is at work, whose engine it is.
    """
    restoring = settings.home_path / RESTORING
    is_left = restoring.is_dir() and not is_held(restoring / LOCK)
    return staged_settings(settings, restoring / STAGED) if is_left else None
