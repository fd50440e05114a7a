"""`ez fsck`: check the task records, and mend their indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.queue.fsck import FsckReport

BROKEN = 1


@click.command("fsck")
@click.option("--repair", is_flag=True, help="Rebuild the indexes from the task records; no host may live.")
@json_option
def command(repair: bool, as_json: bool) -> int:
    """Check that every index agrees with the task records, and say what does not.

    Works with and without a running fleet. Leaves with 1 when something disagrees (after --repair: still disagrees).
    """
    import asyncio

    from ezaigents.cli.checking import check_records
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.show import show_json

    changes, report = asyncio.run(check_records(settings_here(), mend=repair))
    if as_json:
        show_json(
            {
                "ok": report.ok,
                "tasks": report.tasks,
                "moving": report.moving,
                "changes": changes,
                "invariants": report.invariants,
            }
        )
    else:
        _show(changes, report)
    return 0 if report.ok else BROKEN


def _show(changes: list[str], report: FsckReport) -> None:
    from ezaigents.cli.show import Column, show_line, show_table
    from ezaigents.codec import counted, printable

    for change in changes:
        show_line(f"changed: {printable(change)}")
    rows = []
    for invariant in report.invariants:
        verdict = "ok" if invariant.ok else "fail"
        rows.append([verdict if invariant.judged else "moving", invariant.name, invariant.rule])
    show_table([Column("Verdict"), Column("What"), Column("Rule", text=True)], rows)
    for invariant in report.broken().values():
        show_line(f"{invariant.name}: {invariant.found:,} found")
        for finding in invariant.findings:
            show_line(f"  {printable(finding.what)}: {printable(finding.text)}")
    if report.moving:
        show_line("tasks moved during the check; what says `moving` could not be judged")
    verdict = "everything agrees" if report.ok else "see what `ez fsck --repair` changes"
    show_line(f"{counted(report.tasks, 'task')}, {verdict}")
