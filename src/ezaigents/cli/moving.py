"""`ez legacy` after its options: reaching both sides, and showing what was found. Not its job: moving (legacy)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ezaigents.cli.fleet import settings_here
from ezaigents.cli.show import Column, show_json, show_table
from ezaigents.cli.talk import say
from ezaigents.codec import counted
from ezaigents.errors import ConfigError, InputError

if TYPE_CHECKING:
    from ezaigents.legacy import BridgeFigures, ImportReport, OldServer, RollbackReport

_SHOWN_MOST = 30
_PASSWORD_MAX_BYTES = 4096


def import_now(
    maps: tuple[str, ...], *, go: bool, delete: bool, url: str, password_file: str, tls_ca: str
) -> ImportReport:
    """Look, or import. Raises what reaching either side does."""
    from ezaigents.client import Client
    from ezaigents.legacy import bring_over, look

    settings, more = settings_here(), read_maps(maps)
    server = old_server(url, "--from", password_file, tls_ca)

    async def work() -> ImportReport:
        async with server:
            if not go:
                return await look(server, settings, more)
            async with Client.connect(settings) as client:
                return await bring_over(server, client, more, delete=delete, say=say)

    return asyncio.run(work())


def bridge_until_ended(
    maps: tuple[str, ...], *, applies: bool, url: str, password_file: str, tls_ca: str
) -> BridgeFigures:
    """Bridge until SIGINT or SIGTERM. Raises what reaching either side does."""
    from ezaigents.client import Client
    from ezaigents.legacy import SWEEP_S, Bridge, hold_moving

    settings, more = settings_here(), read_maps(maps)
    server = old_server(url, "--from", password_file, tls_ca)

    async def work() -> BridgeFigures:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, over.set)
        async with server, Client.connect(settings) as client:
            with hold_moving(settings.home_path):
                bridge = Bridge(server, client, more, apply=applies, say=say)
                say(f"taking tasks from {server}; every list is looked at every {SWEEP_S:g} s besides; Ctrl-C ends it")
                return await bridge.run(over)

    figures = asyncio.run(work())
    say(
        f"{figures.taken:,} taken, {figures.handed_over:,} done, {figures.failed:,} failed, "
        f"{figures.refused:,} refused; "
        f"{figures.left:,} go on here, and the next bridge hands them over"
    )
    return figures


def roll_back(*, go: bool, url: str, password_file: str, tls_ca: str) -> RollbackReport:
    """Look, or put back. Raises what reaching either side does."""
    from ezaigents.client import Client
    from ezaigents.legacy import Rollback

    settings = settings_here()
    server = old_server(url, "--to", password_file, tls_ca)

    async def work() -> RollbackReport:
        async with server, Client.connect(settings, need_host=False) as client:
            rollback = Rollback(server, client)
            return await (rollback.go_back() if go else rollback.look())

    return asyncio.run(work())


def show_rollback(report: RollbackReport, *, as_json: bool) -> None:
    """Print which tasks go back where, and which stay."""
    if as_json:
        show_json(report)
        return
    for title, rows in (("Goes back", report.going), ("Stays here", report.staying)):
        if rows:
            columns = [
                Column(title),
                Column("Agent"),
                Column("Task", path=True),
                Column("To"),
                Column("How", text=True),
            ]
            show_table(columns, [[row.task, row.agent, row.title, row.to, row.how] for row in rows[:_SHOWN_MOST]])
    if report.done_there_too:
        say(
            f"{report.done_there_too:,} entries stand in the old queues although they are done here; "
            "`ez legacy import --yes --delete-imported` takes them out"
        )
    if not report.done:
        say(f"nothing was changed: {counted(report.going_count, 'task')} would go back; add --yes to do it")
        return
    say(
        f"{counted(report.returned, 'task')} went back, {report.finished:,} were done before, "
        f"{report.staying_count:,} stay"
    )
    if report.running:
        say(f"{report.running:,} still run; run it again when they have stopped")


def old_server(url: str, option: str, password_file: str, tls_ca: str) -> OldServer:
    """The old server as the options name it. Raises ConfigError."""
    from ezaigents.legacy import OldServer

    if tls_ca and not os.access(tls_ca, os.R_OK):
        raise ConfigError(f"--tls-ca: {tls_ca} cannot be read; name the file of the authority's certificate")
    password = _password_in(password_file) if password_file else ""
    if ":" in url.partition("://")[2].rpartition("@")[0]:
        say("a password in a URL can be seen by everybody on this machine; --password-file FILE keeps it to yourself")
    return OldServer(url, option=option, ca_file=tls_ca, password=password)


def read_maps(maps: tuple[str, ...]) -> dict[str, str]:
    """`QUEUE=AGENT`, as typed. Raises InputError."""
    found = {}
    for one in maps:
        queue, equals, agent = one.partition("=")
        if not (queue.strip() and equals and agent.strip()):
            raise InputError("map", f"takes QUEUE=AGENT, such as kimi-2=gpt, not {one[:80]!r}")
        found[queue.strip().removeprefix("queue:")] = agent.strip()
    return found


def show_import(report: ImportReport, *, as_json: bool) -> None:
    """Print what each key becomes, what becomes nothing and why, and what was done."""
    if as_json:
        show_json(report)
        return
    figures = ("Entries", "Tasks", "Known", "Repeats", "At work", "Refused")
    columns = [Column("Key", path=True), Column("What"), *(Column(name, right=True) for name in figures)]
    rows = [
        [
            row.key,
            row.what,
            *map(str, (row.entries, row.tasks, row.known, row.repeats, row.ours, row.refused)),
            _become(row.becomes),
        ]
        for row in report.keys
    ]
    show_table([*columns, Column("Becomes", text=True)], rows)
    if report.others:
        show_table(
            [Column("Not imported", text=True), Column("Keys", right=True), Column("Such as", path=True)],
            [[f"{row.what}: {row.why}" if row.why else row.what, str(row.keys), row.example] for row in report.others],
        )
    if report.refused:
        shown = report.refused[:_SHOWN_MOST]
        show_table(
            [Column("Refused", path=True), Column("Number", right=True), Column("Why", text=True)],
            [[row.key, str(row.number or ""), row.why] for row in shown],
        )
    _tell(report)


def _become(becomes: dict[str, int]) -> str:
    return ", ".join(f"{words} ({number})" for words, number in sorted(becomes.items()))


def _tell(report: ImportReport) -> None:
    if report.refused_count > _SHOWN_MOST:
        where = report.refused_file or "--json lists the first 1,000"
        say(f"{counted(report.refused_count, 'entry').replace('entrys', 'entries')} refused in all: {where}")
    for row in report.secrets[:_SHOWN_MOST]:
        say(f"a secret stays where it is: field {row.field} of {row.key}; if it is needed, `ez keys set` takes it")
    if report.paused:
        say(f"paused there: {', '.join(report.paused[:_SHOWN_MOST])}; `ez pause AGENT` does the same here")
    if report.grown:
        say(f"changed while it was read: {', '.join(report.grown[:_SHOWN_MOST])}; run it again for what came since")
    if not report.done:
        say(f"nothing was changed: {counted(report.tasks, 'task')} would be imported; add --yes to do it")
        return
    say(f"{counted(report.handed_in, 'task')} imported, {report.known:,} were here before; backup: {report.backup}")
    if report.deleted:
        say(f"taken out of the old server: {report.deleted:,}")
    elif report.tasks or report.known:
        say("the entries stand in the old server still; stop its agents, or they do them too (--delete-imported)")


def _password_in(name: str) -> str:
    try:
        text = sys.stdin.readline() if name == "-" else _first_line(Path(name))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--password-file: {name} cannot be read: {error}") from error
    if not (found := text.rstrip("\r\n")):
        raise ConfigError(f"--password-file: {name} is empty; its first line is the password")
    return found


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline(_PASSWORD_MAX_BYTES)
