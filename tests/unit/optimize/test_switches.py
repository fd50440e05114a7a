"""The switches: what each is, who says so, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.errors import ConfigError, InputError
from ezaigents.optimize import SWITCHES, choose, environment, find_switch, in_force, switched_off, where_from
from ezaigents.optimize.switches import Switch
from ezaigents.settings import CHOICES_FILE, CONFIG_FILE, SWITCHED, Settings, load_settings

EACH = pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
POLL = find_switch("push-delivery")


def _load(folder: Path, toml: str = "", **env: str) -> Settings:
    (folder / CONFIG_FILE).write_text(toml)
    return load_settings(environ={"HOME": "/h", "EZ_HOME": str(folder / "data")} | env, cwd=folder)


@EACH
def test_every_optimisation_is_on_by_default(switch: Switch) -> None:
    """What a user gets who chose nothing is the light one."""
    assert switch.is_on(Settings())
    assert switch.on != switch.off


@EACH
def test_each_is_turned_off_alone_by_each_of_three_ways(switch: Switch, tmp_path: Path) -> None:
    """Environment, `ez switch` and file each turn off this one and no other."""
    written = str(switch.off).lower() if isinstance(switch.off, bool) else f'"{switch.off}"'
    by_file = _load(tmp_path, f"{switch.setting} = {written}\n")
    by_environment = _load(tmp_path, **environment([switch.name]))
    choose(by_file.home_path, switch, False)
    by_choice = _load(tmp_path)
    assert [switched_off(one) for one in (by_file, by_environment, by_choice)] == [(switch.name,)] * 3


def test_the_settings_that_switch_are_those_of_the_switches() -> None:
    """The file of choices takes exactly these."""
    assert sorted(SWITCHED) == sorted(switch.setting for switch in SWITCHES)


def test_environment_beats_choice_beats_file(tmp_path: Path) -> None:
    """The nearest to the user wins, and can be told."""
    toml = 'delivery = "poll"\n'
    settings = _load(tmp_path, toml)
    assert (POLL.is_on(settings), where_from(POLL, settings, {})) == (False, "ezaigents.toml")
    choose(settings.home_path, POLL, True)
    settings = _load(tmp_path, toml)
    assert (POLL.is_on(settings), where_from(POLL, settings, {})) == (True, "ez switch")
    variables = {"EZ_DELIVERY": "poll"}
    settings = _load(tmp_path, toml, **variables)
    assert (POLL.is_on(settings), where_from(POLL, settings, variables)) == (False, "environment")
    choose(settings.home_path, POLL, None)
    assert where_from(POLL, _load(tmp_path), {}) == "default"


def test_a_running_host_takes_up_what_it_can(tmp_path: Path) -> None:
    """Live switches as chosen now, the others as they were at the start, and what the environment says in any case."""
    settings = _load(tmp_path)
    for switch in SWITCHES:
        choose(settings.home_path, switch, False)
    live = tuple(switch.name for switch in SWITCHES if switch.is_live)
    assert switched_off(in_force(settings, {})) == live
    assert "push-delivery" not in switched_off(in_force(settings, {"EZ_DELIVERY": "push"}))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ("[" * 5000, "JSON"),
        ('{"bind": "0.0.0.0"}', "no switch"),
        ('{"delivery": "pigeon"}', "push, poll"),
        ('{"delivery": 1}', "text"),
        ("\0" * (1024 * 1024 + 1), "longer"),
    ],
)
def test_a_spoilt_file_of_choices_is_told_with_its_name(tmp_path: Path, text: str, word: str) -> None:
    """It never opens a fleet to others, and never passes for a choice."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / CHOICES_FILE).write_text(text)
    with pytest.raises(ConfigError, match=word) as refused:
        _load(tmp_path)
    assert CHOICES_FILE in str(refused.value)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    """A slip is named, with the word that was meant."""
    with pytest.raises(InputError, match="did you mean 'push-delivery'"):
        find_switch("push-delivry")
    with pytest.raises(InputError, match="ez switch"):
        environment(["x"])
