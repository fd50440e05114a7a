"""Which folders a command is shown."""

from __future__ import annotations

from pathlib import Path

from ezaigents.sandbox.walls import Walls, covered, environment, walls_for
from ezaigents.settings import Settings, load_settings


def _settings(workspace: Path, home: Path) -> Settings:
    return load_settings({"workspace": str(workspace), "home": str(home)}, environ={"HOME": "/nonexistent"})


def test_a_tool_chain_that_holds_secrets_is_not_shown(tmp_path: Path) -> None:
    """Where the data folder or the workspace lies beneath it, the folder stays hidden; others are shown."""
    holds, fine = tmp_path / "holds", tmp_path / "fine"
    for folder in (holds / "home", holds / "work", fine):
        folder.mkdir(parents=True)
    walls = walls_for(_settings(holds / "work", holds / "home"), (holds, fine, tmp_path / "missing"))
    assert fine in walls.toolchains
    assert holds not in walls.toolchains
    assert tmp_path / "missing" not in walls.toolchains
    assert {holds / "home", holds / "work", Path.home()} <= set(walls.masked)


def test_a_link_is_no_tool_chain(tmp_path: Path) -> None:
    """A repository could name any folder of the machine by a link called .venv."""
    work, secret = tmp_path / "work", tmp_path / "secret"
    work.mkdir()
    secret.mkdir()
    (work / ".venv").symlink_to(secret)
    assert {secret, work / ".venv"} & set(walls_for(_settings(work, tmp_path / "home")).shown()) == set()
    (work / ".venv").unlink()
    (work / ".venv").mkdir()
    walls = walls_for(_settings(work, tmp_path / "home"))
    assert work / ".venv" in walls.shown()
    (work / ".venv").rmdir()
    assert work / ".venv" not in walls.shown()  # it may go while a host lives


def test_what_is_hidden_in_a_shown_folder_is_covered(tmp_path: Path) -> None:
    """Only folders that are there and would be seen are covered by empty ones."""
    (tmp_path / "chain" / "home").mkdir(parents=True)
    walls = Walls(toolchains=(tmp_path / "chain",), masked=(tmp_path / "chain" / "home", tmp_path / "elsewhere"))
    assert covered(walls) == [str(tmp_path / "chain" / "home")]


def test_the_environment_is_a_list_of_ours(tmp_path: Path) -> None:
    """Five names, none of them from the host's environment."""
    (tmp_path / "bin").mkdir()
    environ = environment(Walls(toolchains=(tmp_path,)))
    assert set(environ) == {"PATH", "HOME", "LANG", "TERM", "TMPDIR"}
    assert environ["PATH"].split(":")[0] == str(tmp_path / "bin")
