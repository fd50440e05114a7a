"""What a workspace's own file may say before the user trusts it: nothing that costs or opens a door."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ezaigents.errors import ConfigError
from ezaigents.settings import Settings, load_settings
from ezaigents.trust import Trust

_BOLD = [
    'home = ".state"', 'workspace = "/"', 'redis_url = "redis://evil.example/0"', 'namespace = "other"',
    'commands_allow = "*"', "command_memory_bytes = 8589934592", 'engine_fsync = "everysec"', 'merge = "clean"',
    "budget_task_usd = 1000", "budget_agent_usd = 1000", "budget_day_usd = 1000", "budget_total_usd = 100000",
    "ask_above_usd = 1000", "task_steps = 100000", "task_tokens = 1000000000", "task_time_s = 600000",
    "worktrees_most = 1000", "file_limit_bytes = 100000000000", '[prices."openai:gpt-6.1-sol"]\nfree = true',
]  # fmt: skip


def _load(folder: Path, text: str, **environ: str) -> Settings:
    workspace = folder / "ws"
    workspace.mkdir(exist_ok=True)
    (workspace / "ezaigents.toml").write_text(text)
    return load_settings(environ={"HOME": str(folder), **environ}, cwd=workspace)


@pytest.mark.parametrize("text", _BOLD, ids=lambda text: text.partition(" ")[0])
def test_a_bold_setting_needs_trust_and_says_what_to_type(tmp_path: Path, text: str) -> None:
    """A repository that was just cloned can neither spend, nor open, nor lead anything anywhere."""
    with pytest.raises(ConfigError, match="ez agents --trust"):
        _load(tmp_path, text)
    file = tmp_path / "ws" / "ezaigents.toml"
    Trust(tmp_path / ".config" / "ezaigents").add(file, file.read_bytes())
    _load(tmp_path, text)
    with pytest.raises(ConfigError, match="ez agents --trust"):
        _load(tmp_path, text + "\n# changed since")


@pytest.mark.parametrize("text", ['config_home = "/tmp"', 'sim_url = "http://127.0.0.1:1"'])
def test_whom_you_trust_is_never_said_by_a_workspace(tmp_path: Path, text: str) -> None:
    """Not even a trusted file says where the list of trusted files lies."""
    file = tmp_path / "ws" / "ezaigents.toml"
    file.parent.mkdir()
    Trust(tmp_path / ".config" / "ezaigents").add(file, text.encode())
    with pytest.raises(ConfigError, match="not from a workspace's file"):
        _load(tmp_path, text)


@pytest.mark.parametrize(
    "text", ["grace_s = 5", "budget_task_usd = 0.5", "task_steps = 10", 'commands = "off"', 'log_level = "debug"']
)
def test_what_is_harmless_or_lowers_a_limit_needs_none(tmp_path: Path, text: str) -> None:
    """A team may share how careful it wants its agents to be."""
    _load(tmp_path, text)


def test_a_file_that_the_user_names_is_his_own(tmp_path: Path) -> None:
    """EZ_CONFIG is the user's word."""
    own = tmp_path / "mine.toml"
    own.write_text("budget_task_usd = 1000\n")
    assert _load(tmp_path, "", EZ_CONFIG=str(own)).budget_task_usd == 1000


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe in the place of a named file is refused, not read."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="no regular file"):
        _load(tmp_path, "", EZ_CONFIG=str(tmp_path / "pipe"))


def test_a_file_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    """A bomb of brackets is an error like any other."""
    with pytest.raises(ConfigError):
        _load(tmp_path, "x = " + "[" * 20_000)
