"""What `ez switch` chose for a data folder. Job: keep it in a file, whole or not at all, and say what outranks it.

Reading it is part of reading the settings (settings.py).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ezaigents.codec import to_json
from ezaigents.optimize.switches import SWITCHES, Switch
from ezaigents.settings import CHOICES_FILE, Settings, read_choices
from ezaigents.workspace import write_whole

_LOCK = ".switches.lock"


def choose(home: Path, switch: Switch, on: bool | None) -> None:
    """Choose for every host of the data folder; None = no longer. Raises ConfigError, OSError."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two who choose at once, each choice counts
        choices = read_choices(home)
        choices.pop(switch.setting, None)
        if on is not None:
            choices[switch.setting] = switch.value(on=on)
        write_whole(home / CHOICES_FILE, to_json(choices) + b"\n")
    finally:
        os.close(lock)


def in_force(settings: Settings, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings with what was chosen since they were read, as far as a running process takes it up.

    What the environment says stays. A choice that was taken back counts from the next start on. Raises ConfigError.
    """
    choices = read_choices(settings.home_path)
    env = os.environ if environ is None else environ
    fresh = {
        switch.setting: choices[switch.setting]
        for switch in SWITCHES
        if switch.is_live and switch.setting in choices and not env.get(switch.variable)
    }
    return msgspec.structs.replace(settings, **fresh)


def where_from(switch: Switch, settings: Settings, environ: Mapping[str, str] | None = None) -> str:
    """Who says what the switch is: `environment`, `ez switch`, `ezaigents.toml` or `default`."""
    if (os.environ if environ is None else environ).get(switch.variable):
        return "environment"
    if switch.setting in read_choices(settings.home_path):
        return "ez switch"
    return "default" if switch.is_on(settings) else "ezaigents.toml"
