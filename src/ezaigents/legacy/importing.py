"""`ez legacy import`: the old server's entries become tasks. Job: look, back up, hand in, in this order.

It may die at any moment and be run again: the manifest says which entry is which task, and is written before the task
is handed in. Nothing is changed in the old server, unless entries that were handed in are to be taken out (dropping).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ezaigents.client import check_agent
from ezaigents.codec import printable, to_json
from ezaigents.errors import InputError
from ezaigents.home import home_id
from ezaigents.legacy.dropping import drop_imported, settle_noted
from ezaigents.legacy.entries import OldEntry, Unmapped
from ezaigents.legacy.files import Mapper
from ezaigents.legacy.intake import Intake
from ezaigents.legacy.manifest import FOLDER, Manifest
from ezaigents.legacy.names import Part, secret_field
from ezaigents.legacy.reading import Found, read_all
from ezaigents.legacy.report import ImportReport, KeyRow, RefusedRow
from ezaigents.legacy.saving import Backup, Saved
from ezaigents.legacy.scratch import Scratch
from ezaigents.legacy.survey import survey

if TYPE_CHECKING:
    from ezaigents.client import Client
    from ezaigents.legacy.server import OldServer
    from ezaigents.records import AgentCard, TaskKind
    from ezaigents.settings import Settings

Say = Callable[[str], None]
_BEGINS_MOST = 80
_ROWS_KEPT = 1000


class _Look:
    """One pass over the old server. `wanted`: which agents are asked for what."""

    def __init__(self, mapping: Mapper, scratch: Scratch, manifest: Manifest | None, report: ImportReport) -> None:
        self._mapping = mapping
        self._scratch = scratch
        self._manifest = manifest
        self._report = report
        self._rows: dict[str, KeyRow] = {}
        self.wanted: set[tuple[str, TaskKind]] = set()

    def judge(self, window: list[Found]) -> list[tuple[OldEntry, str, str]]:
        """Count each; returns them with why each is passed over, and the words of a refusal."""
        fresh = [found.entry.digest for found in window if not found.passed_over]
        known = self._manifest.knows(fresh) if self._manifest and fresh else set()
        return [(found.entry, *self._judge_one(found, known)) for found in window]

    def _judge_one(self, found: Found, known: set[bytes]) -> tuple[str, str]:
        entry = found.entry
        row = self._row(entry)
        row.entries += 1
        passed_over, why = found.passed_over, ""
        if not passed_over and entry.digest in known:
            passed_over = "known"
        if not passed_over:
            passed_over = self._planned_before(entry)
        if not passed_over:
            try:
                asked, _ = self._mapping.read(entry)
                if asked.name:
                    self._scratch.times("plan", asked.name)
                words = f"{asked.agent} {asked.kind.value}"
                row.becomes[words] = row.becomes.get(words, 0) + 1
                self.wanted.add((asked.agent, asked.kind))
            except Unmapped as refusal:
                passed_over, why = "refused", str(refusal)
        name = passed_over or "tasks"
        setattr(row, name, getattr(row, name) + 1)
        for total in ("tasks", "known", "repeats"):
            if name == total:
                setattr(self._report, total, getattr(self._report, total) + 1)
        return passed_over, why

    def _row(self, entry: OldEntry) -> KeyRow:
        if (row := self._rows.get(entry.key)) is None:
            if len(self._rows) >= _ROWS_KEPT:
                self._rows.clear()
            row = self._rows[entry.key] = self._report.row(*_row_of(entry))
        return row

    def _planned_before(self, entry: OldEntry) -> str:
        """A plan keeps its tasks in hashes besides those it queued: each of them is one task."""
        if entry.part is not Part.PROJECT:
            return ""
        name = "/".join(entry.key.split(":")[1:])
        if self._scratch.was_seen("plan", name):
            return "repeats"
        return "known" if self._manifest and self._manifest.task_named(name) else ""


async def look(server: OldServer, settings: Settings, more: Mapping[str, str]) -> ImportReport:
    """Say what an import would do, without changing anything anywhere."""
    report = ImportReport(done=False, server=str(server))
    with ExitStack() as leaving:
        scratch = leaving.enter_context(Scratch())
        manifest = Manifest.look(settings.home_path)
        if manifest is not None:
            leaving.enter_context(manifest)
        judging = _Look(Mapper(settings, more), scratch, manifest, report)
        async for judged in _pass(server, settings, judging, scratch, report):
            _note_refused(judged, report, None)
    report.sort()
    return report


async def bring_over(
    server: OldServer, client: Client, more: Mapping[str, str], *, delete: bool = False, say: Say = lambda line: None
) -> ImportReport:
    """Back up, then import. `delete`: take what was imported out of the old server afterwards.

    Raises what handing in raises (AgentUnavailable, QueueFull, ...); run again, it goes on.
    """
    settings = client.settings
    home = settings.home_path
    report = ImportReport(done=True, server=str(server))
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    with Manifest(home) as manifest, Scratch() as scratch:
        manifest.check_not_going()
        await settle_noted(server, manifest, home_id(home))
        intake = Intake(client, manifest, Mapper(settings, more))
        await intake.recover()
        backup, refused = _new(home / FOLDER, f"backup-{stamp}"), _new(home / FOLDER, f"refused-{stamp}")
        judging = _Look(Mapper(settings, more), scratch, manifest, report)
        with Backup(backup, str(server)) as writing, refused.open("xb") as listing:
            refused.chmod(0o600)
            async for judged in _pass(server, settings, judging, scratch, report):
                for entry, passed_over, _ in judged:
                    writing.add(entry, passed_over=passed_over, withheld=bool(secret_field(entry.raw)))
                _note_refused(judged, report, listing.write)
        report.backup = str(backup)
        report.refused_file = str(refused) if report.refused_count else ""
        if not report.refused_count:
            refused.unlink()
        say(f"backup: {backup}")
        await _check_agents(client, judging.wanted)
        with Saved(backup) as saved:
            await _hand_in(saved, intake, scratch, report, say)
        if delete:
            report.deleted = await drop_imported(server, manifest, home_id(home))
    report.sort()
    return report


async def _pass(
    server: OldServer, settings: Settings, judging: _Look, scratch: Scratch, report: ImportReport
) -> AsyncIterator[list[tuple[OldEntry, str, str]]]:
    await survey(server, scratch, report)
    async for window in read_all(server, scratch, report, home_id(settings.home_path)):
        yield judging.judge(window)


async def _hand_in(saved: Saved, intake: Intake, scratch: Scratch, report: ImportReport, say: Say) -> None:
    """First what waits for nothing, in order; then each plan, parents first."""
    last_s = time.monotonic()
    for place, entry in saved.entries():
        if plan := await intake.take(entry):
            scratch.wait(plan, place)
        if time.monotonic() - last_s > 2.0:
            last_s = time.monotonic()
            say(f"{intake.handed_in:,} of {report.tasks:,} handed in")
    await intake.flush()
    for plan in scratch.waiting_plans():
        await intake.take_plan([saved.at(place) for place in scratch.waiting_in(plan)])
    report.handed_in = intake.handed_in
    for row in intake.refused:
        report.refuse(row)


async def _check_agents(client: Client, wanted: set[tuple[str, TaskKind]]) -> None:
    """Refuse before anything is handed in what no agent here can do. Raises InputError, AgentUnavailable."""
    cards = [card for host in await client.hosts() for card in host.agents]
    for agent, kind in sorted(wanted):
        check_agent(agent, cards)
        check_card([card for card in cards if card.name == agent], kind)


def check_card(cards: list[AgentCard], kind: TaskKind) -> None:
    """Raise InputError where these cards of one agent say that it does not take tasks as the old system had them."""
    card = cards[0]
    if not card.whole:
        raise InputError("map", f"{card.name} takes files in portions, not tasks with a prompt; name another agent")
    if card.kinds and kind.value not in card.kinds:
        raise InputError(
            "map",
            f"{card.name} takes tasks of the kind {', '.join(card.kinds)}, not {kind.value}; name another agent with "
            "--map QUEUE=AGENT",
        )


def _note_refused(
    judged: list[tuple[OldEntry, str, str]], report: ImportReport, write: Callable[[bytes], object] | None
) -> None:
    for entry, passed_over, why in judged:
        if passed_over == "refused":
            row = refused_row(entry, why)
            report.refuse(row)
            if write is not None:
                write(to_json(row) + b"\n")


def refused_row(entry: OldEntry, why: str) -> RefusedRow:
    """An entry of which nothing becomes; how it begins is left out where it holds a secret."""
    begins = "" if secret_field(entry.raw) else printable(entry.raw[:_BEGINS_MOST].decode("utf-8", "replace"))
    return RefusedRow(key=printable(entry.key), number=entry.number, why=why, begins=begins)


def _row_of(entry: OldEntry) -> tuple[str, str]:
    if entry.part is Part.PROJECT:
        return "task:*:task-*", entry.part.value
    return printable(entry.key), entry.part.value


def _new(folder: Path, name: str) -> Path:
    """A name in a folder that no file has yet."""
    number, path = 1, folder / f"{name}.jsonl"
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.jsonl"
    return path
