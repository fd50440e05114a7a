"""Submitting and watching: what the command line, and any Python program, talks to a fleet with.

Job: find the fleet of a data folder, hand in runs, follow them, steer tasks. Not its job: running agents (runtime).
"""

from ezaigents.client.client import Client, check_agent
from ezaigents.client.status import AgentRow, EngineRow, HostRow, Status
from ezaigents.client.submit import PROMPT_MAX_BYTES, Handed, Wish, check_prompt
from ezaigents.client.watch import Progress

__all__ = [
    "PROMPT_MAX_BYTES",
    "AgentRow",
    "Client",
    "EngineRow",
    "Handed",
    "HostRow",
    "Progress",
    "Status",
    "Wish",
    "check_agent",
    "check_prompt",
]
