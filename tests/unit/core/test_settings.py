"""Settings: who wins, and what is refused with source, key and reason."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ezaigents.errors import ConfigError
from ezaigents.settings import CONFIG_FILE, Settings, find_workspace, load_settings


def _load(
    folder: Path, *, toml: str | bytes | None = None, flags: dict[str, Any] | None = None, **env: str
) -> Settings:
    if toml is not None:
        (folder / CONFIG_FILE).write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return load_settings(flags, environ={"HOME": "/h"} | env, cwd=folder)


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """The nearest to the user wins, key by key; a flag that was not given says nothing."""
    toml = 'name = "file"\nlease_s = 20\npoll_s = 2.5\n'
    settings = _load(tmp_path, toml=toml, flags={"name": "flag", "sweep_s": None}, EZ_NAME="env", EZ_LEASE_S="22")
    assert (settings.name, settings.lease_s, settings.poll_s, settings.sweep_s) == ("flag", 22.0, 2.5, 30.0)


def test_nothing_set_is_fine(tmp_path: Path) -> None:
    """Without file, flags and environment the defaults hold, and the folders are worked out."""
    settings = _load(tmp_path)
    assert settings.workspace_path == tmp_path.resolve()
    assert re.fullmatch(r"/h/\.local/state/ezaigents/[0-9a-f]{12}", settings.home)
    assert settings.config_home == "/h/.config/ezaigents"
    assert _load(tmp_path, XDG_CONFIG_HOME="/config").config_home == "/config/ezaigents"
    assert _load(tmp_path, XDG_STATE_HOME="/state").home.startswith("/state/ezaigents/")
    assert msgspec.structs.replace(settings, home="", workspace="", config_home="") == Settings()


def test_each_workspace_has_a_data_folder_of_its_own(tmp_path: Path) -> None:
    """Two workspaces do not share tasks; a folder below a git top level belongs to it."""
    top, other = tmp_path / "top", tmp_path / "other"
    for folder in (top / ".git", top / "a" / "b", other):
        folder.mkdir(parents=True)
    assert find_workspace(top / "a" / "b") == top
    assert _load(top / "a").home == _load(top).home != _load(other).home


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    """`EZ_NAME=` in the environment is as if it were not there."""
    assert _load(tmp_path, EZ_NAME="", EZ_LEASE_S="").name == "main"


def test_homes_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative EZ_HOME is taken from where one stands, so that it stays the same folder later."""
    monkeypatch.chdir(tmp_path)
    assert _load(tmp_path, EZ_HOME="data").home == str(tmp_path / "data")


@pytest.mark.parametrize(
    ("toml", "line", "key", "said"),
    [
        ("\n\nlease_s = 'x'\n", 3, "lease_s", "takes a number, not 'x'"),
        ("lease_s = nan", 1, "lease_s", "from 0.1 to 3600"),
        ("lease_s = -1", 1, "lease_s", "from 0.1 to 3600"),
        ("lease_s = true", 1, "lease_s", "takes a number, not True"),
        ("lease_s = 1e999", 1, "lease_s", "from 0.1 to 3600"),
        ("cache_entries = 1.5", 1, "cache_entries", "takes a whole number, not 1.5"),
        ("cache_entries = 99999999999999999999999", 1, "cache_entries", "from 1 to 1e+06"),
        ("cache_entries = [1]", 1, "cache_entries", "takes a whole number, not [1]"),
        ("# one\ndelivery = 'pull'", 2, "delivery", "takes one of push, poll, not 'pull'"),
        ("name = 5", 1, "name", "takes text, not 5"),
        ('name = "a\\u0000b"', 1, "name", "takes text"),
        ("name='x'\n[leases]\nx = 1", 2, "leases", "no such setting; did you mean 'lease_s'?"),
        ("zzzzqq = 1", 1, "zzzzqq", "no such setting"),
    ],
)
def test_a_bad_value_in_the_file_names_file_line_and_key(
    tmp_path: Path, toml: str, line: int, key: str, said: str
) -> None:
    """The message leads to the place: which file, which line, which key, and what it takes."""
    with pytest.raises(ConfigError) as refusal:
        _load(tmp_path, toml=toml)
    assert str(refusal.value).startswith(f"{tmp_path / CONFIG_FILE}, line {line}, key '{key}': ")
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("name = ", "is not TOML"),
        ("= 1", "is not TOML"),
        (b"name = '\xff'", "is not UTF-8 (byte 8)"),
        ("a=1\na=2", "is not TOML"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_the_place(tmp_path: Path, toml: str | bytes, said: str) -> None:
    """Malformed TOML and other encodings are told with the file's name, and TOML's own line."""
    with pytest.raises(ConfigError) as refusal:
        _load(tmp_path, toml=toml)
    assert str(refusal.value).startswith(f"{tmp_path / CONFIG_FILE}: {said}")
    assert "TOML" not in said or "line" in str(refusal.value)


def test_a_line_is_that_of_the_key_and_not_of_one_like_it(tmp_path: Path) -> None:
    """A key that begins like another, or stands in a comment, is not mistaken for it."""
    with pytest.raises(ConfigError, match=r"line 4, key 'name'"):
        _load(tmp_path, toml='# name = 1\nnamespace = "x"\n\nname = 1\n')


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """EZ_CONFIG that names no file is an error; the usual file may be missing."""
    with pytest.raises(ConfigError, match="cannot be read"):
        _load(tmp_path, EZ_CONFIG=str(tmp_path / "missing.toml"))
    other = tmp_path / "other.toml"
    other.write_text('name = "elsewhere"')
    assert _load(tmp_path, toml='name = "here"', EZ_CONFIG=str(other)).name == "elsewhere"


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "x", "1e999", "0"])
def test_a_bad_variable_is_named(tmp_path: Path, value: str) -> None:
    """The message names the environment variable."""
    with pytest.raises(ConfigError, match=r"^environment EZ_SWEEP_S: takes a number"):
        _load(tmp_path, EZ_SWEEP_S=value)


def test_a_bad_flag_is_named(tmp_path: Path) -> None:
    """The message names the option as it is typed; one that is no setting is refused too."""
    with pytest.raises(ConfigError, match=r"^option --cache-entries: takes a whole number from 1 to 1e\+06, not 0"):
        _load(tmp_path, flags={"cache_entries": 0})
    with pytest.raises(ConfigError, match=r"^option --no-such: no such setting"):
        _load(tmp_path, flags={"no_such": 1})


def test_a_lease_leaves_room_for_a_second_renewal(tmp_path: Path) -> None:
    """A renewal period over half the lease would lose claims to one slow call, so it is refused."""
    assert _load(tmp_path, EZ_LEASE_S="20", EZ_RENEW_S="10").renew_s == 10
    with pytest.raises(ConfigError, match="renew_s"):
        _load(tmp_path, EZ_LEASE_S="19.9", EZ_RENEW_S="10")


def test_importing_reads_no_environment() -> None:
    """Defaults come from the class, never from whatever the process has around it."""
    assert "EZ_HOME" not in os.environ or Settings().home == ""
    assert Settings().home == ""


@pytest.mark.parametrize(("said", "meant"), [("true", True), ("false", False)])
def test_a_switch_is_true_or_false(said: str, meant: bool, tmp_path: Path) -> None:
    """In the file as TOML has it, in the environment as the same word; anything else is refused."""
    (tmp_path / "ezaigents.toml").write_text(f"dashboard_push = {said}\n")
    assert load_settings(environ={}, cwd=tmp_path).dashboard_push is meant
    assert load_settings(environ={"EZ_DASHBOARD_PUSH": said}, cwd=tmp_path / "..").dashboard_push is meant
    for wrong in ("0", "on", "True"):
        with pytest.raises(ConfigError, match="true or false"):
            load_settings(environ={"EZ_DASHBOARD_PUSH": wrong}, cwd=tmp_path)
    (tmp_path / "ezaigents.toml").write_text("dashboard_push = 1\n")
    with pytest.raises(ConfigError, match="true or false"):
        load_settings(environ={}, cwd=tmp_path)
