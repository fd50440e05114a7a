"""What a model may call: files, notes, commands, and the end of its task.

Job: tools as a model is told of them, and what comes of each call. Not its job: asking the model, limits, the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.agents.tools.outcome import CommandResult, Commands, Finish, Outcome
    from ezaigents.agents.tools.quoting import DATA_RULE
    from ezaigents.agents.tools.running import command_of
    from ezaigents.agents.tools.secrecy import why_closed
    from ezaigents.agents.tools.specs import TOOL_NAMES
    from ezaigents.agents.tools.toolbox import Toolbox

__all__ = [
    "DATA_RULE",
    "TOOL_NAMES",
    "CommandResult",
    "Commands",
    "Finish",
    "Outcome",
    "Toolbox",
    "command_of",
    "why_closed",
]

_FILES = {
    "outcome": ("CommandResult", "Commands", "Finish", "Outcome"),
    "quoting": ("DATA_RULE",),
    "running": ("command_of",),
    "secrecy": ("why_closed",),
    "specs": ("TOOL_NAMES",),
    "toolbox": ("Toolbox",),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
