"""The processes of a fleet on this machine. Job: host, engine, dashboard and all their children, with what each uses.

Not its job: shares of a time (sampler), processes of other machines: those are not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ezaigents.engine import find_living, holds_open, living_hosts
from ezaigents.monitor import procfs
from ezaigents.monitor.sample import ProcessSample, Role
from ezaigents.settings import Settings

_DEEP_MOST = 512
"""So many processes are looked at; more are a fork bomb, and not for us to count."""


def processes_of(settings: Settings, *, engine_pid: int | None = None) -> list[ProcessSample]:
    """Every process of the fleet of these settings that runs on this machine, the hosts first.

    `engine_pid`: where the caller knows it; 0 = there is none to be seen; None = the engine is asked. The process of
    an external engine is never looked for: what it says of itself is true on its own machine. Blocks for
    milliseconds; what it may not read is left out. Raises EngineDown when an engine lives and does not answer.
    """
    if settings.redis_url:
        engine_pid = 0
    elif engine_pid is None:
        engine = find_living(settings)
        engine_pid = engine.pid or 0 if engine else 0
    hosts = hosts_here(settings)
    roles = {pid: (Role.HOST, name) for name, pid in hosts.items()}
    if engine_pid:
        roles[engine_pid] = (Role.ENGINE, "")
    for pid in with_children(hosts.values()):
        roles.setdefault(pid, (Role.CHILD, ""))
    return samples_of(roles)


def samples_of(roles: Mapping[int, tuple[Role, str]]) -> list[ProcessSample]:
    """Look at each of these; those that have ended since they were listed are left out."""
    found = []
    for pid, (role, name) in roles.items():
        facts = procfs.facts_of(pid)
        if facts is not None:
            found.append(
                ProcessSample(
                    pid=pid,
                    role=role,
                    name=name or facts.name,
                    rss_bytes=facts.rss_bytes,
                    pss_bytes=facts.pss_bytes,
                    cpu_s=facts.cpu_s,
                    began_ticks=facts.began_ticks,
                )
            )
    return found


def hosts_here(settings: Settings) -> dict[str, int]:
    """The living hosts that are processes of this machine: a number in a lock file alone may be anybody's."""
    home = settings.home_path
    return {
        name: pid
        for name, pid in living_hosts(home).items()
        if pid and holds_open(pid, home / "hosts" / f"{name}.lock")
    }


def with_children(pids: Iterable[int]) -> list[int]:
    """These processes and their children at every depth, each once, parents first."""
    found = list(dict.fromkeys(pids))
    for pid in found:  # grows while it is gone through
        if len(found) >= _DEEP_MOST:
            break
        found += [child for child in procfs.children_of(pid) if child not in found]
    return found


def memory_of(pids: Iterable[int]) -> tuple[int, int]:
    """RSS and PSS of processes together, in bytes; those that have ended, or may not be read, count nothing."""
    known = [one for one in map(procfs.memory_of, pids) if one is not None]
    return sum(rss for rss, _ in known), sum(pss for _, pss in known)
