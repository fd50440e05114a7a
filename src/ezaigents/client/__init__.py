"""Submitting and watching: what the command line, and any Python program, talks to a fleet with.

Job: find the fleet of a data folder, hand in runs, follow them, steer tasks. Not its job: running agents (runtime).
"""

from ezaigents.client.client import Client, check_agent
from ezaigents.client.halt import Halted
from ezaigents.client.operator import Locks, Operator
from ezaigents.client.problems import Problem
from ezaigents.client.status import AgentPresence, AgentRow, EngineRow, HostRow, Status
from ezaigents.client.submit import PROMPT_MAX_BYTES, FilesTaken, Handed, Wish, check_prompt
from ezaigents.client.watch import Progress

__all__ = [
    "PROMPT_MAX_BYTES",
    "AgentPresence",
    "AgentRow",
    "Client",
    "EngineRow",
    "FilesTaken",
    "Halted",
    "Handed",
    "HostRow",
    "Locks",
    "Operator",
    "Problem",
    "Progress",
    "Status",
    "Wish",
    "check_agent",
    "check_prompt",
]
