"""Agents as files: what they may say, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.agents.definition import TOOLS, packaged_definitions, parse_definition, read_definition
from ezaigents.errors import ConfigError

_GOOD = '+++\nname = "ada"\nmodel = "openai:gpt-6-luna"\n+++\nYou are Ada.\n'


def test_the_five_come_with_the_package() -> None:
    """The agents a host promises are there, each with a provider of its own and the others behind it."""
    agents = {one.name: one for one in packaged_definitions()}
    assert sorted(agents) == ["claude", "deepseek", "gemini", "gpt", "mistral"]
    providers = {one.model.partition(":")[0] for one in agents.values()}
    assert providers == {"anthropic", "openai", "deepseek", "mistral", "gemini"}
    for one in agents.values():
        assert {route.partition(":")[0] for route in one.chain} == providers
        assert one.prompt
        assert one.capabilities


def test_a_file_needs_a_name_and_a_model_only() -> None:
    """Everything else has a default."""
    one = parse_definition(_GOOD, "ada.md")
    assert (one.name, one.model, one.prompt) == ("ada", "openai:gpt-6-luna", "You are Ada.")
    assert one.tools == TOOLS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("You are Ada.", "begins with a line +++"),
        ("", "begins with a line +++"),
        ('+++\nname = "ada"\n', "no end"),
        ("+++\nname = \n+++\n", "not TOML"),
        ('+++\nname = "ada"\n+++\n', "model"),
        ('+++\nmodel = "a:b"\n+++\n', "name"),
        ('+++\nname = "ada"\nmodell = "a:b"\n+++\n', "did you mean 'model'?"),
        ('+++\nname = "Ada Lovelace"\nmodel = "a:b"\n+++\n', "takes 1 to 32"),
        ('+++\nname = "ada"\nmodel = "gpt"\n+++\n', "PROVIDER:MODEL"),
        ('+++\nname = "ada"\nmodel = "a:b"\ntools = ["shell"]\n+++\n', "no such tool 'shell'"),
        ('+++\nname = "ada"\nmodel = "a:b"\nslots = 0\n+++\n', "slots"),
        ('+++\nname = "ada"\nmodel = "a:b"\nslots = "many"\n+++\n', "slots"),
        ('+++\nname = "ada"\nmodel = "a:b"\nmax_output_tokens = 1\n+++\n', "max_output_tokens"),
        ('+++\nname = "ada"\nmodel = "a:b"\neffort = "heroic"\n+++\n', "effort"),
        ('+++\nname = "ada"\nmodel = "a:b"\nbudget_usd = -1\n+++\n', "numbers from 0"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(text: str, words: str) -> None:
    """What is wrong is named, with the file and what it takes."""
    with pytest.raises(ConfigError, match=r"^ada\.md: ") as refused:
        parse_definition(text, "ada.md")
    assert words in str(refused.value)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"+++\n" + b"x" * 70_000])
def test_what_is_no_text_or_too_long_is_refused(tmp_path: Path, data: bytes) -> None:
    """A binary or huge file is no agent."""
    path = tmp_path / "ada.md"
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        read_definition(path)
