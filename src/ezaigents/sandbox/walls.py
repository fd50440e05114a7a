"""Which folders of the machine a command gets to see. Job: choosing them. Not its job: mounting them.

Seen, read-only: what a system's programs need, and the tool chains that are named. Never: home folders, the data
folder, keys, the workspace itself, wherever they lie.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ezaigents.settings import Settings

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store")
ETC = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
"""The rest of /etc is about people and services."""
OWN_ETC = ("group", "hosts", "nsswitch.conf", "passwd")
"""Files of ours that stand in for the machine's, which name its people."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
DEPENDENCIES = (".venv", "node_modules")
"""Folders at the top of a workspace that git ignores and no test goes without; shown where they are, read-only."""
HOME = "/tmp/home"  # noqa: S108 - inside: private and empty


class Walls(msgspec.Struct, frozen=True, kw_only=True):
    """`toolchains`: folders shown read-only under their own names; `dependencies` too, as long as they are there.

    `masked`: hidden, even in a shown one.
    """

    toolchains: tuple[Path, ...] = ()
    masked: tuple[Path, ...] = ()
    dependencies: tuple[Path, ...] = ()

    def shown(self) -> tuple[Path, ...]:
        """What is shown now: a workspace's dependencies come and go while a host lives."""
        return (*self.toolchains, *_fit(self.dependencies, self.masked))


def walls_for(settings: Settings, more: Iterable[Path] = ()) -> Walls:
    """This Python, the environment it runs in, what the workspace depends on (DEPENDENCIES), and `more`."""
    hidden = (settings.home_path, settings.config_path, settings.workspace_path, Path.home())
    masked = tuple(dict.fromkeys(path.resolve() for path in hidden if str(path) not in {"", ".", "/"}))
    own = tuple(settings.workspace_path / name for name in DEPENDENCIES)
    wanted = (Path(sys.base_prefix), Path(sys.prefix), *more)
    return Walls(toolchains=tuple(_fit(wanted, masked)), masked=masked, dependencies=own)


def covered(walls: Walls) -> list[str]:
    """The masked folders that would be seen: they lie in one that is shown."""
    shown = [Path(place) for place in SYSTEM] + list(walls.shown())
    return [str(path) for path in walls.masked if path.is_dir() and any(path.is_relative_to(place) for place in shown)]


def environment(walls: Walls) -> dict[str, str]:
    """All that a command's environment holds by itself: no key of the host's ever gets there."""
    places = [path / name for path in reversed(walls.shown()) for name in (".bin", "bin")]
    folders = [str(place) for place in places if place.is_dir()]
    return {
        "PATH": os.pathsep.join(dict.fromkeys((*folders, *SYSTEM_PATH))),
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": "/tmp",  # noqa: S108
    }


def _fit(wanted: Iterable[Path], masked: tuple[Path, ...]) -> Iterable[Path]:
    """Those that are folders, not shown anyway, and hold nothing that is to stay hidden."""
    for path in dict.fromkeys(wanted):
        is_shown = any(path.is_relative_to(place) for place in SYSTEM)
        is_folder = path.is_dir() and path == path.resolve()
        if is_folder and not is_shown and not any(place.is_relative_to(path) for place in masked):
            yield path
