"""Simulated models: a server that speaks the wire forms of the real ones.

Job: answer by rules, go wrong on request, log every call. Not its job: being clever: a prompt for which nobody wrote a
rule is answered `simulated: no rule`. It knows nothing of the fleet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.simulate.calllog import CallLine, SentLine, read_log
    from ezaigents.simulate.faults import Fault, parse_fault
    from ezaigents.simulate.foreground import serve
    from ezaigents.simulate.rules import NO_RULE, read_rules, team_rules
    from ezaigents.simulate.simulated import SimulatedModels
    from ezaigents.simulate.starting import Simulator, start_simulator

__all__ = [
    "NO_RULE",
    "CallLine",
    "Fault",
    "SentLine",
    "SimulatedModels",
    "Simulator",
    "parse_fault",
    "read_log",
    "read_rules",
    "serve",
    "start_simulator",
    "team_rules",
]

_FILES = {
    "calllog": ("CallLine", "SentLine", "read_log"),
    "faults": ("Fault", "parse_fault"),
    "foreground": ("serve",),
    "rules": ("NO_RULE", "read_rules", "team_rules"),
    "simulated": ("SimulatedModels",),
    "starting": ("Simulator", "start_simulator"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
