"""What `ez doctor` looks at. Job: one function per thing, each giving checks. Not its job: printing them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from ezaigents.backup import left_behind
from ezaigents.engine import find_engine_program, find_living, find_orphan, holds_open, living_hosts
from ezaigents.errors import ConfigError, EzError
from ezaigents.settings import Settings

_OLDEST_PYTHON = (3, 11)
_LOW_BYTES = 1_000_000_000
_LEAST_BYTES = 50_000_000
_SLOW_FSYNC_MS = 20.0
_FSYNCS = 9
_PROGRAM_WITHIN_S = 10.0
_ENDPOINT_WITHIN_S = 0.3
_LIST_MOST_BYTES = 1024 * 1024
_NAMED_MOST = 8


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `advice`: what to do, "" when all is well."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    finding: str
    advice: str = ""


def check_python() -> Iterator[Check]:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        yield Check(name="python", verdict="fail", finding=version, advice="install Python 3.11 or newer")
    else:
        yield Check(name="python", verdict="ok", finding=f"{version}, {sys.executable}")


def check_settings(error: EzError | None, settings: Settings | None) -> Iterator[Check]:
    """The configuration that was, or could not be, read."""
    if error is not None:
        yield Check(name="settings", verdict="fail", finding=str(error), advice="mend the setting that is named")
    elif settings is not None:
        yield Check(name="settings", verdict="ok", finding=f"workspace {settings.workspace}")


def check_engine_program(settings: Settings) -> Iterator[Check]:
    """The engine's program, or the engine behind a URL."""
    if settings.redis_url:
        return
    try:
        program = find_engine_program()
    except EzError as error:
        yield Check(name="engine program", verdict="fail", finding=str(error), advice="install one as it says")
        return
    words = _first_line(str(program), "--version")
    if not words:
        yield Check(
            name="engine program",
            verdict="fail",
            finding=f"{program} does not run on this machine",
            advice="install valkey-server for this system",
        )
        return
    yield Check(name="engine program", verdict="ok", finding=f"{words} ({program})")


def check_agent_files(settings: Settings) -> Iterator[Check]:
    """Agent files that have no effect."""
    from ezaigents.agents.roster import load_roster
    from ezaigents.trust import Trust

    roster = load_roster(settings, Trust(settings.config_path).is_trusted)
    for fault in roster.without_effect():
        advice = "mend or remove the file, or trust it as it says; then `ez down` and `ez up`"
        yield Check(name="agent file", verdict="warn", finding=fault, advice=advice)


def check_data_folder(settings: Settings) -> Iterator[Check]:
    """Who owns the data folder, how much room it has, and how fast its disk keeps a promise."""
    home = settings.home_path
    folder = next(path for path in (home, *home.parents) if path.exists())
    facts = folder.stat()
    if not home.exists():
        yield Check(name="data folder", verdict="ok", finding=f"{home} (not made yet)")
    elif facts.st_uid != os.geteuid():
        yield Check(
            name="data folder",
            verdict="fail",
            finding=f"{home} belongs to user {facts.st_uid}",
            advice="set EZ_HOME to a folder of yours",
        )
    elif facts.st_mode & 0o077:
        yield Check(name="data folder", verdict="warn", finding=f"{home} is open to others", advice=f"chmod 700 {home}")
    else:
        yield Check(name="data folder", verdict="ok", finding=str(home))
    yield from _check_room(folder)
    yield from _check_fsync(folder)


def _check_room(folder: Path) -> Iterator[Check]:
    free = shutil.disk_usage(folder).free
    words = f"{free / 1e9:.1f} GB free for {folder}"
    if free < _LEAST_BYTES:
        yield Check(name="disk space", verdict="fail", finding=words, advice="free some space")
    elif free < _LOW_BYTES:
        yield Check(name="disk space", verdict="warn", finding=words, advice="free some space soon")
    else:
        yield Check(name="disk space", verdict="ok", finding=words)


def _check_fsync(folder: Path) -> Iterator[Check]:
    path = folder / f".doctor-{os.getpid()}"
    try:
        times_ms = sorted(_fsync_times_ms(path))
    except OSError as error:
        yield Check(
            name="disk writes",
            verdict="fail",
            finding=f"{folder} cannot be written: {error.strerror}",
            advice="mend its permissions, or set EZ_HOME to another folder",
        )
        return
    middle_ms = times_ms[len(times_ms) // 2]
    words = f"fsync takes {middle_ms:.2f} ms (median of {_FSYNCS})"
    if middle_ms > _SLOW_FSYNC_MS:
        advice = "every accepted task waits for it; put the data folder on a faster disk (EZ_HOME)"
        yield Check(name="disk writes", verdict="warn", finding=words, advice=advice)
    else:
        yield Check(name="disk writes", verdict="ok", finding=words)


def _fsync_times_ms(path: Path) -> list[float]:
    times = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for _ in range(_FSYNCS):
            os.write(fd, b"x" * 512)
            began = time.perf_counter()
            os.fsync(fd)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(fd)
        path.unlink()
    return times


def check_fleet(settings: Settings) -> Iterator[Check]:
    """Which hosts live, whether the engine answers, and whether it was left alone."""
    for name, pid in living_hosts(settings.home_path).items():
        here = pid and holds_open(pid, settings.home_path / "hosts" / f"{name}.lock")
        yield Check(name="host", verdict="ok", finding=f"{name}, process {pid}{'' if here else ', elsewhere'}")
    try:
        engine = find_living(settings)
        orphan = find_orphan(settings)
    except EzError as error:
        advice = "check EZ_REDIS_URL" if settings.redis_url else "see engine.log in the data folder"
        yield Check(name="engine", verdict="fail", finding=str(error), advice=advice)
        return
    if engine is None:
        yield Check(name="engine", verdict="ok", finding="none runs now; `ez up` starts it")
    elif orphan:
        yield Check(
            name="engine",
            verdict="warn",
            finding=f"process {orphan} runs without a host; its tasks are safe",
            advice="`ez up` adopts it, `ez down` stops it",
        )
    else:
        weak = engine.durability != "always"
        yield Check(
            name="engine",
            verdict="warn" if weak else "ok",
            finding=f"{engine.kind} {engine.version}, durability {engine.durability}",
            advice="accepted tasks may be lost in a power cut; set appendfsync always" if weak else "",
        )


def check_restore(settings: Settings) -> Iterator[Check]:
    """Whether a restore was cut short, and whether its engine still runs."""
    staged = left_behind(settings)
    if staged is None:
        return
    engine = find_orphan(staged)
    words = f", and its engine (process {engine}) still runs" if engine else ""
    yield Check(
        name="restore",
        verdict="warn",
        finding=f"a restore into {settings.home} was cut short{words}",
        advice="`ez restore FILE` begins it anew" + (", `ez down` stops the engine" if engine else ""),
    )


def check_sandbox(settings: Settings) -> Iterator[Check]:
    """Whether agents can run commands here, shown by trying to escape from the sandbox they would run in."""
    from ezaigents.sandbox import find_sandbox, prove

    sandbox, reason = find_sandbox(settings)
    if sandbox is None:
        is_off = settings.commands == "off"
        advice = "" if is_off else "agents work without commands and tests until then; install bubblewrap"
        yield Check(name="sandbox", verdict="ok" if is_off else "warn", finding=reason, advice=advice)
        return
    proofs = prove(sandbox)
    open_ways = [proof.attempt for proof in proofs if not proof.holds]
    if open_ways:
        yield Check(
            name="sandbox",
            verdict="fail",
            finding=f"{sandbox.name} does not hold: a command could {', '.join(open_ways)}",
            advice="set commands = 'off' in ezaigents.toml until this is mended",
        )
        return
    words = f"{sandbox.name}: {len(proofs)} attempts to escape failed" + (f" (bubblewrap: {reason})" if reason else "")
    yield Check(name="sandbox", verdict="ok", finding=words)


def check_keys() -> Iterator[Check]:
    """Which providers' keys are set, and whether one that is kept cannot be used; never what they hold."""
    from ezaigents.cli.fleet import settings_here
    from ezaigents.clock import SystemClock
    from ezaigents.providers import make_keys, real_catalogue

    try:
        settings = settings_here()
        catalogue = real_catalogue(settings, os.environ)
    except ConfigError as error:
        yield Check(name="keys", verdict="warn", finding=str(error), advice="mend what is named; then look again")
        return
    rows = make_keys(settings, catalogue, os.environ, SystemClock()).describe()
    found = [source.removeprefix("environment ") for row in rows for source in row.sources if source != "file"]
    found += [f"{row.provider} (kept)" for row in rows if "file" in row.sources]
    words = f"set: {', '.join(found)}" if found else "none set (the local agent needs none)"
    yield Check(name="keys", verdict="ok", finding=words)
    for row in rows:
        if row.problem:
            yield Check(name="keys", verdict="warn", finding=row.problem, advice=f"`ez keys set {row.provider}`")


def check_local_endpoints(settings: Settings) -> Iterator[Check]:
    """Which servers of local models answer on this machine, and what they serve."""
    from ezaigents.providers import real_catalogue

    try:
        providers = real_catalogue(settings, os.environ).providers.values()
    except ConfigError:
        return  # check_keys says it
    for provider in providers:
        if provider.local and (models := _models_at(provider.base_url)) is not None:
            named = ", ".join(models[:_NAMED_MOST]) + (", ..." if len(models) > _NAMED_MOST else "")
            words = f"{provider.base_url} serves {named or 'no model yet'}"
            yield Check(name=provider.name, verdict="ok", finding=words)


def _models_at(base_url: str) -> list[str] | None:
    """The names of the models of an endpoint; None when nothing there answers in time."""
    import http.client
    from urllib.parse import urlsplit

    from ezaigents.codec import from_json

    parts = urlsplit(base_url)
    if parts.scheme != "http":
        return None
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ENDPOINT_WITHIN_S)
    try:
        connection.request("GET", f"{parts.path}/models")
        answer = connection.getresponse()
        listed = from_json(answer.read(_LIST_MOST_BYTES), _ModelList) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, ValueError):
        return None
    finally:
        connection.close()
    return [model.id for model in listed.data or ()] if listed else None


class _Listed(msgspec.Struct, frozen=True):
    id: str


class _ModelList(msgspec.Struct, frozen=True):
    """What `GET /models` answers, as OpenAI's API has it."""

    data: tuple[_Listed, ...] | None = None


def check_programs() -> Iterator[Check]:
    """Programs that are used where they are installed."""
    ruff = Path(sys.executable).with_name("ruff")
    wanted = {
        "ruff": (str(ruff) if ruff.exists() else shutil.which("ruff"), "for lint findings: pip install ruff"),
        "git": (shutil.which("git"), "for the workspace's top level and .gitignore"),
    }
    for name, (path, use) in wanted.items():
        if path:
            yield Check(name=name, verdict="ok", finding=_first_line(path, "--version") or path)
        else:
            yield Check(name=name, verdict="warn", finding="not found", advice=use)


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROGRAM_WITHIN_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").partition("\n")[0].strip()
