"""One frozen Settings, read once, with clear errors.

Job: flag > environment (EZ_...) > what `ez switch` chose > ezaigents.toml > default.

Not its job: acting on any of it. The only module that reads the environment; secrets are not settings.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from ezaigents.errors import ConfigError
from ezaigents.policy import nearest_name
from ezaigents.trust import Trust

CONFIG_FILE = "ezaigents.toml"
CHOICES_FILE = "switches.json"
"""In the data folder: what `ez switch` chose, by setting."""
SWITCHED = ("runtime", "memory", "storage", "delivery", "heartbeat", "dashboard_push", "start")
"""The settings that choose between an optimisation and its plain alternative; no others stand in CHOICES_FILE."""
DEFAULT_PORT = 3000
_FILE_MOST_BYTES = 1024 * 1024
Table = dict[str, dict[str, Any]]
"""A table of tables of the file, checked by the room that it is for."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. Each is `EZ_<NAME>` in the environment and `<name>` in ezaigents.toml.

    docs/settings.md lists each with its unit, default and special values; a test keeps that list complete.
    """

    home: str = ""
    workspace: str = ""
    redis_url: str = ""
    namespace: str = ""
    name: str = "main"
    lease_s: float = 30.0
    renew_s: float = 10.0
    sweep_s: float = 30.0
    grace_s: float = 30.0
    delivery: str = "push"
    poll_s: float = 1.0
    memory: str = "bounded"
    cache_entries: int = 100
    cache_ttl_s: float = 300.0
    cache_bytes: int = 8 * 1024 * 1024
    file_limit_bytes: int = 10 * 1024 * 1024
    memory_limit_bytes: int = 1024 * 1024 * 1024
    queue_max_open: int = 1_000_000
    engine_max_bytes: int = 1024 * 1024 * 1024
    engine_fsync: str = "always"
    ended_keep_s: float = 3600.0
    ended_keep_count: int = 100_000
    history_days: int = 30
    heartbeat: str = "delta"
    storage: str = "compact"
    runtime: str = "shared"
    start: str = "parallel"
    message_ttl_s: float = 3600.0
    mailbox_most: int = 10_000
    lock_wait_s: float = 60.0
    overlap: str = "warn"
    merge: str = "never"
    note_days: int = 30
    stuck_s: float = 600.0
    models: str = "real"
    sim_url: str = ""
    config_home: str = ""
    model_connect_s: float = 10.0
    model_first_byte_s: float = 120.0
    model_between_bytes_s: float = 60.0
    model_call_s: float = 900.0
    task_steps: int = 60
    task_tokens: int = 3_000_000
    task_time_s: float = 3600.0
    budget_task_usd: float = 2.0
    budget_agent_usd: float = 20.0
    budget_day_usd: float = 50.0
    budget_total_usd: float = 500.0
    ask_above_usd: float = 1.0
    commands: str = "sandboxed"
    commands_allow: str = ""
    command_s: float = 300.0
    command_memory_bytes: int = 2 * 1024 * 1024 * 1024
    worktrees_most: int = 8
    worktree_max_bytes: int = 2 * 1024 * 1024 * 1024
    dashboard: str = "on"
    dashboard_push: bool = True
    bind: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: str = ""
    docker_socket: str = "/var/run/docker.sock"
    log_level: str = "info"
    providers: Table = {}
    prices: Table = {}

    @property
    def home_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.home)

    @property
    def applies_path(self) -> Path:
        """Where the intents of applies lie that have not come to their end."""
        return self.home_path / "applies"

    @property
    def config_path(self) -> Path:
        """The user's own folder, for all workspaces: keys, prices, what is trusted. Absolute."""
        return Path(self.config_home)

    @property
    def workspace_path(self) -> Path:
        """The workspace's root, absolute."""
        return Path(self.workspace)


# name -> (least, greatest) for numbers; both ends allowed.
_RANGES: dict[str, tuple[float, float]] = {
    "lease_s": (0.1, 3600),
    "renew_s": (0.02, 1200),
    "sweep_s": (0.05, 3600),
    "grace_s": (0, 3600),
    "poll_s": (0.01, 3600),
    "cache_entries": (1, 1_000_000),
    "cache_ttl_s": (0.01, 86_400),
    "cache_bytes": (1024, 2**40),
    "file_limit_bytes": (1, 2**40),
    "memory_limit_bytes": (32 * 1024 * 1024, 2**50),
    "queue_max_open": (1, 2**40),
    "engine_max_bytes": (4 * 1024 * 1024, 2**50),
    "ended_keep_s": (0.1, 10 * 365 * 86_400),
    "ended_keep_count": (1, 2**40),
    "history_days": (1, 36_500),
    "message_ttl_s": (0.1, 3600),
    "mailbox_most": (1, 1_000_000),
    "lock_wait_s": (0, 3600),
    "note_days": (1, 36_500),
    "stuck_s": (1, 10 * 86_400),
    "model_connect_s": (0.01, 600),
    "model_first_byte_s": (0.01, 3600),
    "model_between_bytes_s": (0.01, 3600),
    "model_call_s": (0.01, 86_400),
    "task_steps": (1, 100_000),
    "task_tokens": (1, 2**40),
    "task_time_s": (0.1, 7 * 86_400),
    "budget_task_usd": (0, 1_000_000),
    "budget_agent_usd": (0, 1_000_000),
    "budget_day_usd": (0, 1_000_000),
    "budget_total_usd": (0, 1_000_000),
    "ask_above_usd": (0, 1_000_000),
    "command_s": (0.1, 86_400),
    "command_memory_bytes": (16 * 1024 * 1024, 2**50),
    "worktrees_most": (1, 1000),
    "worktree_max_bytes": (1024, 2**50),
    "port": (0, 65535),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "delivery": ("push", "poll"),
    "memory": ("bounded", "plain"),
    "engine_fsync": ("always", "everysec"),
    "heartbeat": ("delta", "full"),
    "storage": ("compact", "plain"),
    "runtime": ("shared", "processes"),
    "start": ("parallel", "sequential"),
    "overlap": ("warn", "serialise", "block"),
    "merge": ("never", "clean"),
    "models": ("real", "simulated"),
    "commands": ("sandboxed", "off"),
    "dashboard": ("on", "off"),
    "log_level": ("debug", "info", "warning", "error"),
}
_TYPES = get_type_hints(Settings)
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_NEVER_IN_A_WORKSPACE = frozenset({"config_home", "sim_url"})
_HARMLESS = frozenset({
    "lease_s", "renew_s", "sweep_s", "grace_s", "delivery", "poll_s", "memory", "cache_entries", "cache_ttl_s",
    "ended_keep_s", "ended_keep_count", "history_days", "heartbeat", "storage", "message_ttl_s", "mailbox_most",
    "lock_wait_s", "overlap", "note_days", "stuck_s", "log_level", "name", "models", "port",
    "dashboard_push", "runtime", "start",
    "providers",  # the providers' room asks for trust itself, table by table
})  # fmt: skip
"""What any workspace's file may say: none of it leads elsewhere, costs money, or weakens what protects the user."""
_LOWERED = frozenset({
    "budget_task_usd", "budget_agent_usd", "budget_day_usd", "budget_total_usd", "ask_above_usd", "task_steps",
    "task_tokens", "task_time_s", "command_s", "command_memory_bytes", "worktrees_most", "worktree_max_bytes",
    "file_limit_bytes", "memory_limit_bytes", "queue_max_open", "cache_bytes",
})  # fmt: skip
"""Limits that any workspace's file may set below their defaults; above them it has to be trusted."""
_HARMLESS_VALUES = {"dashboard": "off", "commands": "off", "merge": "never", "engine_fsync": "always", "models": "real"}


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """Build the Settings from flags (None values are left out), environment, file and defaults, in that order.

    The file is `ezaigents.toml` in the workspace (or the path in EZ_CONFIG).
    Raises ConfigError naming the source, the key and what it takes.
    """
    env = os.environ if environ is None else environ
    here = Path.cwd() if cwd is None else cwd
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    workspace = Path(given.get("workspace") or env.get("EZ_WORKSPACE") or find_workspace(here)).resolve()
    trust = None if env.get("EZ_CONFIG") else Trust(config_home(env, given))
    written = _from_file(_config_path(env, workspace), trust)
    said = _from_environment(env)
    said.update({key: _checked(key, value, f"option --{key.replace('_', '-')}") for key, value in given.items()})
    home = said.get("home") or written.get("home") or str(_default_home(env, workspace))
    said["home"] = str(Path(home).expanduser().absolute())
    said["workspace"] = str(workspace)
    said["config_home"] = str(config_home(env, given))
    settings = Settings(**(written | read_choices(Path(said["home"])) | said))
    if settings.renew_s * 2 > settings.lease_s:
        raise ConfigError(
            f"renew_s ({settings.renew_s:g}) must be at most half of lease_s ({settings.lease_s:g}), "
            "or one slow renewal loses the claim; set both"
        )
    return settings


def read_choices(home: Path) -> dict[str, Any]:
    """What `ez switch` chose for a data folder, by setting. Raises ConfigError where that file was spoilt."""
    path = home / CHOICES_FILE
    if not path.exists():
        return {}
    try:
        table = msgspec.json.decode(_read_bounded(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON; delete it and choose again (`ez switch`)") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: takes an object of settings; delete it and choose again (`ez switch`)")
    for key in table:
        if key not in SWITCHED:
            raise ConfigError(f"{path}, key {key[:80]!r}: is no switch; delete the file and choose again (`ez switch`)")
    return {key: _checked(key, value, f"{path}, key {key!r}") for key, value in table.items()}


def find_workspace(here: Path) -> Path:
    """The git top level of `here`, else `here` itself."""
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    return here


def _default_home(env: Mapping[str, str], workspace: Path) -> Path:
    state = env.get("XDG_STATE_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".local" / "state")
    digest = hashlib.sha256(os.fsencode(workspace)).hexdigest()[:12]
    return Path(state) / "ezaigents" / digest


def config_home(env: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Path:
    """The user's own folder, absolute. Only flags and the environment say where: no file of a workspace does."""
    given = (flags or {}).get("config_home") or env.get("EZ_CONFIG_HOME")
    usual = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "~")) / ".config") / "ezaigents"
    return Path(given or usual).expanduser().absolute()


def _config_path(env: Mapping[str, str], workspace: Path) -> Path | None:
    named = env.get("EZ_CONFIG")
    if named:
        return Path(named)
    path = workspace / CONFIG_FILE
    return path if path.is_file() else None


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, kind in _TYPES.items():
        text = "" if kind == Table else env.get(f"EZ_{key.upper()}")
        if text:
            values[key] = _checked(key, text, f"environment EZ_{key.upper()}")
    return values


def _from_file(path: Path | None, trust: Trust | None) -> dict[str, Any]:
    """What a file says. `trust`: it is a workspace's, and what that may say without being trusted is little."""
    if path is None:
        return {}
    try:
        data = _read_bounded(path)
        text = data.decode("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        end = f"(at line {len(text.splitlines())}, the last)"
        raise ConfigError(f"{path}: is not TOML: {str(error).replace('(at end of document)', end)}") from error
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{path}, line {_line_of(text, key)}, key {key!r}"
        if key in _NEVER_IN_A_WORKSPACE and trust is not None:
            raise ConfigError(f"{where}: not from a workspace's file: it says whom you trust; set EZ_{key.upper()}")
        if key not in _TYPES:
            hint = nearest_name(key, _TYPES)
            raise ConfigError(f"{where}: no such setting" + (f"; did you mean {hint!r}?" if hint else ""))
        values[key] = _checked(key, value, where)
    if trust is not None and (bold := [key for key, value in values.items() if not _is_harmless(key, value)]):
        _require_trust(trust, path, data, bold)
    return values


def _is_harmless(key: str, value: Any) -> bool:
    """Whether a workspace that comes from anybody may say this."""
    if key in _LOWERED:
        return bool(value <= getattr(Settings(), key))
    return key in _HARMLESS or _HARMLESS_VALUES.get(key) == value


def _require_trust(trust: Trust, path: Path, data: bytes, keys: list[str]) -> None:
    if not trust.is_trusted(path, data):
        raise ConfigError(
            f"{path} sets {', '.join(sorted(keys))}, which a workspace's file may do only once you trust it as it is "
            f"now: look at it, then type `ez agents --trust {path}`; or set them in the environment (EZ_...)"
        )


def _read_bounded(path: Path) -> bytes:
    """A settings file's bytes. Raises OSError, ConfigError for what is no file or too long for one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"{path}: is no regular file")
        data = file.read(_FILE_MOST_BYTES + 1)
    if len(data) > _FILE_MOST_BYTES:
        raise ConfigError(f"{path}: is longer than {_FILE_MOST_BYTES:,} bytes, which no settings are")
    return data


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().lstrip("[").lstrip("\"' ")
        if stripped.startswith(key) and not re.match(r"[\w-]", stripped[len(key) :]):
            return number
    return 1


def _checked(key: str, value: Any, where: str) -> Any:
    if key not in _TYPES:
        raise ConfigError(f"{where}: no such setting")
    kind = _TYPES[key]
    if kind == Table:
        if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
            raise ConfigError(f"{where}: takes tables, such as [{key}.NAME]")
        return value
    if kind is str:
        if not isinstance(value, str) or "\0" in value:
            raise ConfigError(f"{where}: takes text, not {value!r}")
        if key == "name" and not _HOST_NAME.match(value):
            raise ConfigError(f"{where}: takes 1 to 64 letters, digits, '_', '-' and '.', not {value[:80]!r}")
        if key in _CHOICES and value not in _CHOICES[key]:
            raise ConfigError(f"{where}: takes one of {', '.join(_CHOICES[key])}, not {value!r}")
        return value
    return _switch(value, where) if kind is bool else _number(key, kind, value, where)


def _switch(value: Any, where: str) -> bool:
    said = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(said, bool):
        raise ConfigError(f"{where}: takes true or false, not {value!r}")
    return said


def _number(key: str, kind: type, value: Any, where: str) -> float | int:
    least, greatest = _RANGES[key]
    word = "whole number" if kind is int else "number"
    number: float | int
    try:
        if isinstance(value, bool):
            raise ValueError
        number = int(value) if kind is int else float(value)
        if isinstance(value, float) and kind is int and value != number:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{where}: takes a {word}, not {value!r}") from None
    if not math.isfinite(number) or not least <= number <= greatest:
        raise ConfigError(f"{where}: takes a {word} from {least:g} to {greatest:g}, not {value!r}")
    return number
