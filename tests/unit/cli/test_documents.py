"""The pages about commands and settings say what the code does."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import msgspec
import pytest

from ezaigents.cli.app import COMMANDS
from ezaigents.settings import Settings, load_settings

_DOCS = Path(__file__).parents[3] / "docs"
pytestmark = pytest.mark.skipif(not _DOCS.is_dir(), reason="the documents belong to the source tree")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_option_is_documented(name: str) -> None:
    """docs/cli.md names every command, and every option of each."""
    text = (_DOCS / "cli.md").read_text(encoding="utf-8")
    assert f"`ez {name}" in text
    command: click.Command = importlib.import_module(f"ezaigents.cli.commands.{name}").command
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    assert not [option for option in options if f"`{option}" not in text]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_in_the_list_what_it_says_itself(name: str) -> None:
    """`ez --help` is written apart from the commands so that it loads none; each has words in both places."""
    command: click.Command = importlib.import_module(f"ezaigents.cli.commands.{name}").command
    assert command.name == name
    assert COMMANDS[name].endswith(".")
    assert command.help


def _rows() -> dict[str, list[str]]:
    text = (_DOCS / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}


def test_each_setting_has_its_row() -> None:
    """docs/settings.md has exactly one row per field of Settings, with its default."""
    rows = _rows()
    assert list(rows) == list(Settings.__struct_fields__)
    for field in msgspec.structs.fields(Settings):
        default = field.default
        said = rows[field.name][1].strip('"')
        if field.default_factory is dict:
            assert said == "none", field.name
            continue
        shown = str(default).lower() if isinstance(default, bool) else default
        assert (said == shown) if isinstance(shown, str) else (float(said) == shown), field.name


def test_each_range_is_the_one_that_is_checked(tmp_path: Path) -> None:
    """The least and greatest value in the row are taken, and what lies beyond them is not."""
    for name, (_, _, takes, _) in _rows().items():
        if found := re.fullmatch(r"([\d.]+) to ([\d.]+)", takes):
            for text, beyond in ((found[1], -1.0), (found[2], 2.0)):
                environ = {f"EZ_{name.upper()}": text, "EZ_LEASE_S": "3600", "HOME": str(tmp_path)}
                environ |= {"EZ_RENEW_S": text} if name == "renew_s" else {}
                if name == "lease_s":
                    environ |= {"EZ_LEASE_S": text, "EZ_RENEW_S": "0.02"}
                assert getattr(load_settings(environ=environ, cwd=tmp_path), name) == float(text)
                outside = float(text) * beyond if float(text) else -1.0
                with pytest.raises(Exception, match=f"EZ_{name.upper()}"):
                    load_settings(environ=environ | {f"EZ_{name.upper()}": f"{outside:.0f}"}, cwd=tmp_path)


def test_each_choice_is_taken(tmp_path: Path) -> None:
    """The words in a row are those that the setting takes."""
    for name, (unit, default, takes, _) in _rows().items():
        if unit == "word":
            words = takes.split(", ")
            assert default in words
            for word in words:
                environ = {f"EZ_{name.upper()}": word, "HOME": str(tmp_path)}
                assert getattr(load_settings(environ=environ, cwd=tmp_path), name) == word
