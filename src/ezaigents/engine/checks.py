"""Whether an engine is fit to hold tasks. Job: decide from what it says of itself. Not its job: asking it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ezaigents.errors import ConfigError, EngineUnfit

_LEAST = {"redis": (7, 0), "valkey": (7, 2)}
_FSYNC_WORDS = {"always": "always", "everysec": "everysec", "no": "none"}
UNKNOWN = "unknown"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine says of itself. `config` is None where it refuses to tell."""

    server: str
    version: str
    pid: int
    mode: str
    role: str
    max_bytes: int
    policy: str
    config: dict[str, str] | None

    @property
    def durability(self) -> str:
        """What an acknowledged write outlives: always, everysec, none, or unknown; never assumed."""
        if self.config is None or "appendonly" not in self.config:
            return UNKNOWN
        if self.config["appendonly"] != "yes":
            return "none"
        return _FSYNC_WORDS.get(self.config.get("appendfsync", ""), UNKNOWN)


def facts_of(info: str, config: Mapping[str, str] | None) -> Facts:
    """Read the answer to INFO, and to CONFIG GET where there is one."""
    said = dict(line.split(":", 1) for line in info.splitlines() if ":" in line and not line.startswith("#"))
    server = "valkey" if "valkey_version" in said else "redis"
    return Facts(
        server=server,
        version=said.get(f"{server}_version", ""),
        pid=_whole(said.get("process_id", "")),
        mode=said.get("redis_mode", said.get("server_mode", "standalone")),
        role=said.get("role", "master"),
        max_bytes=_whole(said.get("maxmemory", "")),
        policy=said.get("maxmemory_policy", "noeviction"),
        config=None if config is None else dict(config),
    )


def check_fitness(facts: Facts, where: str) -> None:
    """Raise EngineUnfit, or ConfigError for a Sentinel or a Cluster, saying what to do.

    `where` names the engine.
    """
    if facts.mode in ("sentinel", "cluster"):
        raise ConfigError(
            f"the engine at {where} is a {facts.mode}, which is not supported yet; give the URL of one server"
        )
    if _version(facts.version) < _LEAST[facts.server]:
        raise EngineUnfit(
            f"the engine at {where} is {facts.server} {facts.version or 'of unknown version'}; "
            "it must be Redis 7.0 or Valkey 7.2, or newer: install one"
        )
    if facts.role != "master":
        raise EngineUnfit(f"the engine at {where} is a replica and takes no writes; give the URL of its primary")
    if facts.max_bytes and facts.policy != "noeviction":
        raise EngineUnfit(
            f"the engine at {where} may evict tasks (maxmemory-policy {facts.policy}); "
            "type `CONFIG SET maxmemory-policy noeviction` and put the same in its configuration"
        )


def _version(text: str) -> tuple[int, int]:
    parts = text.split(".")
    return (_whole(parts[0]), _whole(parts[1]) if len(parts) > 1 else 0)


def _whole(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdigit() else 0
