"""The local analyst: an agent that needs no key and no network.

Job: figures, findings and hot spots of the files of a run. Not its job: understanding the prompt.
The analyst itself is loaded on first use: its children import this package too, and must not pay for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.agents.local.figures import (
    FailedPart,
    FileFigures,
    FileReport,
    FileRow,
    Finding,
    FindingKind,
    FunctionFigures,
    LanguageTotal,
    LocatedFinding,
    Problem,
    RunReport,
    Spot,
    TaskReport,
    Totals,
    hotness,
    read_run_report,
    shown_path,
)
from ezaigents.agents.local.payload import Payload, Role, decode_payload, encode_payload, summary_payload
from ezaigents.agents.local.plan import Portion, plan_tasks

if TYPE_CHECKING:
    from ezaigents.agents.local.analyst import Cache, LocalAnalyst

__all__ = [
    "Cache",
    "FailedPart",
    "FileFigures",
    "FileReport",
    "FileRow",
    "Finding",
    "FindingKind",
    "FunctionFigures",
    "LanguageTotal",
    "LocalAnalyst",
    "LocatedFinding",
    "Payload",
    "Portion",
    "Problem",
    "Role",
    "RunReport",
    "Spot",
    "TaskReport",
    "Totals",
    "decode_payload",
    "encode_payload",
    "hotness",
    "plan_tasks",
    "read_run_report",
    "shown_path",
    "summary_payload",
]


def __getattr__(name: str) -> object:
    if name in {"Cache", "LocalAnalyst"}:
        from ezaigents.agents.local import analyst

        return getattr(analyst, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
