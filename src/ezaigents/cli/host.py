"""The process that `ez up` becomes: one host, until it is told to stop. `python -m ezaigents.cli.host WORD=VALUE ...`

Job: settings, signals, logging, saying that it is ready. Not its job: the fleet itself (wiring).
The engine is started before the fleet's code is loaded, so that both go side by side.
Words: since (monotonic start of the first process; ours when missing), name, models (simulated), report (descriptor
for the one report), life (descriptor that ends with who started us), log (the bytes our log file may have; stderr is
that file), only (the one agent to run).
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from ezaigents.cli.processes import process_started_at
from ezaigents.cli.report import HostReport, ready_lines
from ezaigents.cli.talk import say
from ezaigents.engine import Starting, begin
from ezaigents.errors import ConfigError, HostConflict
from ezaigents.settings import Settings, load_settings

if TYPE_CHECKING:
    from ezaigents.api import LazyListener
    from ezaigents.wiring import Fleet

_FLAGS = ("name", "models", "dashboard", "port")
_STOPPERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the host that the process's arguments ask for; returns the exit code."""
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    _keep_from_children(words)
    for number in _STOPPERS:
        signal.signal(number, signal.default_int_handler)
    settings = None
    try:
        settings = load_settings({name: words.get(name) for name in _FLAGS})
        starting = begin(settings)
        if settings.start == "sequential":
            starting.ready()
        _serve(settings, starting, words)
    except KeyboardInterrupt:
        say("ez: interrupted while starting")
        return 130
    except Exception as error:  # noqa: BLE001 - the last border of the process
        return _refuse(error, settings, words)
    return 0


def _serve(settings: Settings, starting: Starting, words: dict[str, str]) -> None:
    try:
        from asyncio import CancelledError, run

        import ezaigents.wiring  # noqa: F401 - loaded while the engine starts

        _set_up_log(settings, int(words.get("log", 0)))
    except KeyboardInterrupt:
        starting.ready().leave()
        raise
    try:
        run(_work(settings, starting, words))
    except CancelledError:
        raise KeyboardInterrupt from None
    say("stopped")


async def _work(settings: Settings, starting: Starting, words: dict[str, str]) -> None:
    from asyncio import current_task, get_running_loop
    from contextlib import AsyncExitStack

    from ezaigents.wiring import Fleet

    loop = get_running_loop()
    starter = current_task()
    assert starter is not None
    for number in _STOPPERS:
        loop.add_signal_handler(number, starter.cancel)
    try:
        listener = _door(settings)
    except ConfigError:
        starting.ready().leave()
        raise
    since = float(words.get("since") or process_started_at())
    fleet = Fleet(
        settings,
        started_at=since,
        starting=starting,
        port=listener.port if listener else 0,
        only=words.get("only", ""),
        host_command=partial(_command_of_one, settings),
    )
    async with AsyncExitStack() as leaving:
        await leaving.enter_async_context(fleet)
        if listener is not None:
            leaving.push_async_callback(listener.close)
        for number in _STOPPERS:
            loop.add_signal_handler(number, _stop, fleet)
        if "only" in words:
            # Both `ez down` and the first host send this one: only another word means to hurry.
            loop.add_signal_handler(signal.SIGTERM, _stop_once, fleet)
        if "life" in words:
            loop.add_reader(int(words["life"]), _orphaned, fleet, int(words["life"]))
        if listener is not None:
            listener.open(fleet.model_calls)
        _announce(fleet, settings, words)
        await fleet.run()


def _command_of_one(settings: Settings, name: str, agent: str, report: int, life: int) -> list[str]:
    """The command line of a host that runs one agent for us."""
    from ezaigents.cli.launch import LOG_MAX_BYTES, host_command

    models = settings.models
    return host_command(
        name=name,
        models=models,
        only=agent,
        dashboard="off",
        report=report,
        life=life,
        log=LOG_MAX_BYTES,
        since=None,
    )


def _door(settings: Settings) -> LazyListener | None:
    """The socket of the dashboard, which listens before anything else is said to be ready."""
    if settings.dashboard == "off":
        return None
    from ezaigents.api import bind_listener
    from ezaigents.dashboard import load_site

    return bind_listener(settings, load_site)


def _link(settings: Settings, fleet: Fleet) -> tuple[str, tuple[str, ...]]:
    """A link that lets one browser in, "" where there is no dashboard; and why there is none."""
    port = fleet.host.card.port
    if not port:
        return "", ()
    from ezaigents.access import Access
    from ezaigents.api import link_of

    access = Access(settings.home_path)
    try:
        access.own_token()
        return link_of(settings, port, access.give_link().text), ()
    except ConfigError as error:  # the fleet works all the same
        return "", (f"no link to the dashboard: {error}",)


def _stop(fleet: Fleet) -> None:
    running = fleet.host.running
    if running:
        say(f"stopping: {running:,} running tasks may end first; once more hands them back")
    elif fleet.settings.runtime == "processes":
        say("stopping: running tasks may end first; once more hands them back")
    else:
        say("stopping")
    fleet.stop()


def _stop_once(fleet: Fleet) -> None:
    if not fleet.host.is_stopping:
        _stop(fleet)


def _orphaned(fleet: Fleet, descriptor: int) -> None:
    from asyncio import get_running_loop

    get_running_loop().remove_reader(descriptor)
    os.close(descriptor)
    say("who started this host has ended: its tasks are handed back")
    fleet.stop()
    fleet.stop()


def _announce(fleet: Fleet, settings: Settings, words: dict[str, str]) -> None:
    engine, cards = fleet.engine, fleet.cards
    adopted = ", found running" if engine.adopted and engine.kind == "embedded" else ""
    link, why_none = _link(settings, fleet)
    report = HostReport(
        name=settings.name,
        home=settings.home,
        pid=os.getpid(),
        started_in_s=fleet.started_in_s,
        engine=f"{engine.kind} {engine.version}, durability {engine.durability}{adopted}",
        workspace=settings.workspace,
        agents_ready=tuple(card.name for card in cards if card.state == "ready"),
        agents_not=tuple(card.name for card in cards if card.state != "ready"),
        simulated=settings.models == "simulated",
        dashboard=link,
        notes=(*fleet.notes, *why_none),
    )
    told = report if "report" not in words else msgspec.structs.replace(report, dashboard="")  # a log keeps no link
    for line in ready_lines(told, how_to_stop="Ctrl-C here, or `ez down` from anywhere in the workspace"):
        say(line)
    _report(report, words)


def _refuse(error: Exception, settings: Settings | None, words: dict[str, str]) -> int:
    from ezaigents.cli.failing import exit_code_of
    from ezaigents.codec import printable

    code = exit_code_of(error)
    report = HostReport(
        name=settings.name if settings else "",
        home=settings.home if settings else "",
        pid=os.getpid(),
        error=printable(str(error)) or type(error).__name__,
        exit_code=code,
        conflict_pid=error.pid if isinstance(error, HostConflict) else 0,
    )
    _report(report, words)
    return code


def _report(report: HostReport, words: dict[str, str]) -> None:
    """Tell who started us, once; it may be gone."""
    if "report" in words:
        from ezaigents.codec import to_json

        descriptor = int(words.pop("report"))
        try:
            os.write(descriptor, to_json(report))
        except OSError:
            pass
        finally:
            os.close(descriptor)


def _keep_from_children(words: dict[str, str]) -> None:
    for word in ("report", "life"):
        if word in words:
            os.set_inheritable(int(words[word]), False)


def _set_up_log(settings: Settings, log_max_bytes: int) -> None:
    import logging

    from ezaigents.cli.log import BoundedHandler

    handler = BoundedHandler(settings.home_path / f"host-{settings.name}.log", log_max_bytes)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
