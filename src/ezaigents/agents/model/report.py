"""The report of a task for people. Job: its Markdown, written whole. Not its job: what is in the journal."""

from __future__ import annotations

from pathlib import Path

from ezaigents.agents.model.conversation import Conversation
from ezaigents.agents.model.limits import MICRO
from ezaigents.agents.tools.quoting import several_lines
from ezaigents.codec import counted
from ezaigents.workspace import write_whole

REPORT_FILE = "report.md"


def write_report(folder: Path, talk: Conversation, *, summary: str, evidence: str, partial: str) -> Path:
    """Write `report.md` into an attempt's folder and return its path."""
    summary, evidence, partial = map(several_lines, (summary, evidence, partial))
    lines = []
    if talk.simulated:
        lines += ["**Simulated: no model was asked. A simulator gave scripted answers.**", ""]
    lines += [f"**Partial:** {partial}", ""] if partial else []
    lines += [summary or "No summary was given.", ""]
    if evidence:
        lines += ["## Evidence", "", _block(evidence), ""]
    if talk.check is not None:
        how = "succeeded" if talk.check.exit_code == 0 else talk.check.ending
        lines += [
            "## Check",
            "",
            f"`{talk.check.command}` {how}.",
            "",
            _block(several_lines(talk.check.output)),
            "",
        ]
    if talk.changed:
        lines += ["## Files changed", "", *[f"- {path!r}" for path in talk.changed], ""]
    routes = ", ".join(f"{route} ({count})" for route, count in talk.routes.items()) or "none"
    lines += [
        "## Cost",
        "",
        f"{counted(talk.steps, 'model call')}, {counted(talk.tokens, 'token')}, "
        f"{talk.cost_microusd / MICRO:.4f} US dollars" + (" (simulated)" if talk.simulated else ""),
        "",
        f"Answered by: {routes}",
        "",
    ]
    path = folder / REPORT_FILE
    write_whole(path, "\n".join(lines).encode("utf-8", "backslashreplace"))
    return path


def _block(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"
