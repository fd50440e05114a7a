"""From root to a user without rights, before bubblewrap: what follows can do no more than that user.

Job: make the few folders that are bound reachable for that user (root's own lie behind folders that only root may
enter), own the working copy by it, change the user, become bubblewrap. Not its job: the walls.
Runs by `python -I -S`: standard library only. Arguments: JSON (user, folder, sources), then what to become.
The n-th source stands at `/tmp/n` for what follows, in a mount namespace of its own.
"""

from __future__ import annotations

import json
import os
import stat
import sys

from ezaigents.sandbox import kernel


def main() -> None:
    """Change the user and become `sys.argv[2:]`. For `python -I -S -c`."""
    words = json.loads(sys.argv[1])
    user = words["user"]
    _own(words["folder"], user)
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    # Held by descriptors: what is mounted on /tmp next may hide them.
    held = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source in words["sources"]]
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=0755")  # noqa: S108
    for number, descriptor in enumerate(held):
        _show(descriptor, f"/tmp/{number}")  # noqa: S108
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    os.chdir("/")
    os.execve(sys.argv[2], sys.argv[2:], {})  # noqa: S606


def _show(descriptor: int, place: str) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.mkdir(place)  # noqa: PTH102
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(f"/proc/self/fd/{descriptor}", place, "", kernel.MS_BIND | kernel.MS_REC)


def _own(folder: str, user: int) -> None:
    """Give the working copy to the user, by descriptors and never through a link, whoever swaps names meanwhile."""
    for _, folders, files, here in os.fwalk(folder, follow_symlinks=False):
        _give(".", here, user)
        for name in (*folders, *files):
            _give(name, here, user)


def _give(name: str, here: int, user: int) -> None:
    try:
        facts = os.stat(name, dir_fd=here, follow_symlinks=False)
        if (facts.st_uid, facts.st_gid) != (user, user):
            os.chown(name, user, user, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        pass
