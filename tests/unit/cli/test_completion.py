"""Completion offers what a command takes, and nothing that it refuses."""

from __future__ import annotations

import importlib

import click
import pytest

_AGENTS = {"local", "claude", "gpt", "deepseek", "mistral", "gemini"}


@pytest.mark.parametrize(
    ("name", "parameter", "besides"),
    [
        ("run", "agent", {"auto"}),
        ("pause", "agents", set()),
        ("resume", "agents", set()),
        ("msg", "to", {"all", "user"}),
    ],
)
def test_agents_are_completed_with_what_the_command_takes(name: str, parameter: str, besides: set[str]) -> None:
    """Every agent, and what may stand in its place for this command only."""
    command: click.Command = importlib.import_module(f"ezaigents.cli.commands.{name}").command
    context = click.Context(command)
    [completed] = [one for one in command.params if one.name == parameter]
    assert {item.value for item in completed.shell_complete(context, "")} == _AGENTS | besides
    assert [item.value for item in completed.shell_complete(context, "gem")] == ["gemini"]
