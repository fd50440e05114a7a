"""Submitting and watching: what the command line, and any Python program, talks to a fleet with.

Job: find the fleet of a data folder, hand in runs, follow them, steer tasks. Not its job: running agents (runtime).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.client.approving import Decided
    from ezaigents.client.backlog import Backlog, DeadReason, LaneRow, backlog_of
    from ezaigents.client.choosing import Choice, choose_agent
    from ezaigents.client.client import Client
    from ezaigents.client.configuration import KeyPresence, SettingRow, key_rows, setting_rows
    from ezaigents.client.costs import CostRow, Costs, LimitRow, costs_of, spent_today
    from ezaigents.client.halt import Halted
    from ezaigents.client.handing import check_agent
    from ezaigents.client.hints import Hints, open_hints
    from ezaigents.client.inputs import InputFiles
    from ezaigents.client.listing import Page, Sought, list_page
    from ezaigents.client.lookup import check_ids, find, task_ids, tasks_by_id, tasks_of
    from ezaigents.client.measuring import AgentSpending, Figures, figures
    from ezaigents.client.operator import Locks, Operator
    from ezaigents.client.outlook import Lookout, Outlook
    from ezaigents.client.overlaps import AtFile, SharedFile, shared_files
    from ezaigents.client.patchfile import patch_of, read_beneath
    from ezaigents.client.planning import (
        Plan,
        check_able,
        check_files,
        choose_agent_by_price,
        named,
        plan,
        plan_in,
        with_forecast,
    )
    from ezaigents.client.problems import Problem
    from ezaigents.client.shapes import (
        CountsRow,
        RunDetail,
        RunResult,
        TaskDetail,
        TaskRow,
        accepted_row,
        counts_of,
        counts_row,
        run_detail,
        run_result,
        task_detail,
        task_row,
    )
    from ezaigents.client.status import AgentPresence, AgentRow, EngineRow, HostRow, Status, card_row, rss_of
    from ezaigents.client.steps import StepRow, failed_tries, step_rows, with_costs
    from ezaigents.client.submit import PROMPT_MAX_BYTES, FilesTaken, Handed, Wish, check_prompt, write_prompt
    from ezaigents.client.watch import EVENTS_MOST, Event, Progress, place_of_event

__all__ = [
    "EVENTS_MOST",
    "PROMPT_MAX_BYTES",
    "AgentPresence",
    "AgentRow",
    "AgentSpending",
    "AtFile",
    "Backlog",
    "Choice",
    "Client",
    "CostRow",
    "Costs",
    "CountsRow",
    "DeadReason",
    "Decided",
    "EngineRow",
    "Event",
    "Figures",
    "FilesTaken",
    "Halted",
    "Handed",
    "Hints",
    "HostRow",
    "InputFiles",
    "KeyPresence",
    "LaneRow",
    "LimitRow",
    "Locks",
    "Lookout",
    "Operator",
    "Outlook",
    "Page",
    "Plan",
    "Problem",
    "Progress",
    "RunDetail",
    "RunResult",
    "SettingRow",
    "SharedFile",
    "Sought",
    "Status",
    "StepRow",
    "TaskDetail",
    "TaskRow",
    "Wish",
    "accepted_row",
    "backlog_of",
    "card_row",
    "check_able",
    "check_agent",
    "check_files",
    "check_ids",
    "check_prompt",
    "choose_agent",
    "choose_agent_by_price",
    "costs_of",
    "counts_of",
    "counts_row",
    "failed_tries",
    "figures",
    "find",
    "key_rows",
    "list_page",
    "named",
    "open_hints",
    "patch_of",
    "place_of_event",
    "plan",
    "plan_in",
    "read_beneath",
    "rss_of",
    "run_detail",
    "run_result",
    "setting_rows",
    "shared_files",
    "spent_today",
    "step_rows",
    "task_detail",
    "task_ids",
    "task_row",
    "tasks_by_id",
    "tasks_of",
    "with_costs",
    "with_forecast",
    "write_prompt",
]

_FILES = {
    "approving": ("Decided",),
    "backlog": ("Backlog", "DeadReason", "LaneRow", "backlog_of"),
    "choosing": (
        "Choice",
        "choose_agent",
    ),
    "client": ("Client",),
    "handing": ("check_agent",),
    "inputs": ("InputFiles",),
    "configuration": ("KeyPresence", "SettingRow", "key_rows", "setting_rows"),
    "costs": ("CostRow", "Costs", "LimitRow", "costs_of", "spent_today"),
    "halt": ("Halted",),
    "hints": ("Hints", "open_hints"),
    "listing": (
        "Page",
        "Sought",
        "list_page",
    ),
    "lookup": (
        "check_ids",
        "find",
        "task_ids",
        "tasks_by_id",
        "tasks_of",
    ),
    "measuring": ("AgentSpending", "Figures", "figures"),
    "operator": (
        "Locks",
        "Operator",
    ),
    "overlaps": ("AtFile", "SharedFile", "shared_files"),
    "patchfile": ("patch_of", "read_beneath"),
    "outlook": ("Lookout", "Outlook"),
    "planning": (
        "Plan",
        "check_able",
        "check_files",
        "choose_agent_by_price",
        "named",
        "plan",
        "plan_in",
        "with_forecast",
    ),
    "problems": ("Problem",),
    "shapes": (
        "CountsRow",
        "RunDetail",
        "RunResult",
        "TaskDetail",
        "TaskRow",
        "accepted_row",
        "counts_of",
        "counts_row",
        "run_detail",
        "run_result",
        "task_detail",
        "task_row",
    ),
    "status": (
        "AgentPresence",
        "AgentRow",
        "EngineRow",
        "HostRow",
        "Status",
        "card_row",
        "rss_of",
    ),
    "steps": (
        "StepRow",
        "failed_tries",
        "step_rows",
        "with_costs",
    ),
    "submit": (
        "PROMPT_MAX_BYTES",
        "FilesTaken",
        "Handed",
        "Wish",
        "check_prompt",
        "write_prompt",
    ),
    "watch": ("EVENTS_MOST", "Event", "Progress", "place_of_event"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
