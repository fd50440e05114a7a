"""Walls without bubblewrap: own namespaces, everything read-only but one folder; Landlock then hides the rest.

Job: go in, and let the launcher go on as process 1. Not its job: limits, and Landlock itself, which the launcher puts
on the command alone. The network namespace holds nothing but a loopback of its own.
Runs by `python -I -S`: standard library only. Its one argument is JSON: folder, memory_bytes, masked.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import sys

from ezaigents.sandbox import kernel, launch

AGENT_ID = 1000
"""What the user is called inside: one without rights."""
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)


def main() -> None:
    """Go in and run the launcher. For `python -I -S -c`."""
    words = json.loads(sys.argv[1])
    user, group = os.getuid(), os.getgid()
    kernel.unshare(_NAMESPACES)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{AGENT_ID} {user} 1"),
        ("gid_map", f"{AGENT_ID} {group} 1"),
    ):
        _write(f"/proc/self/{name}", text)
    _mount(words["folder"], words["memory_bytes"], words["masked"])
    _loopback_up()
    pid = os.fork()
    if pid == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV)
        launch.main()
        return
    os.close(0)
    os.close(1)
    _, status = os.waitpid(pid, 0)
    os._exit(min(255, abs(os.waitstatus_to_exitcode(status))))


def _mount(folder: str, memory_bytes: int, masked: list[str]) -> None:
    """Everything read-only, the folder not, its `.git` again; private folders for temporary files; empty ones."""
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    held = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    kernel.set_read_only("/", read_only=True, recursive=True)
    for place in masked:
        kernel.mount("tmpfs", place, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=4k,mode=0755")
        kernel.set_read_only(place, read_only=True, recursive=False)
    for place in ("/tmp", "/dev/shm"):  # noqa: S108 - what is mounted there is private
        with contextlib.suppress(FileNotFoundError):
            flags = kernel.MS_NOSUID | kernel.MS_NODEV
            kernel.mount("tmpfs", place, "tmpfs", flags, f"size={memory_bytes},mode=0755")
    os.makedirs("/tmp/home")  # noqa: PTH103, S108 - pathlib weighs
    with contextlib.suppress(FileExistsError):
        os.makedirs(folder)  # noqa: PTH103 - it lay beneath /tmp
    kernel.mount(f"/proc/self/fd/{held}", folder, "", kernel.MS_BIND)
    kernel.set_read_only(folder, read_only=False, recursive=False)
    git = f"{folder}/.git"
    if os.path.lexists(git) and not os.path.islink(git):  # noqa: PTH114
        kernel.mount(git, git, "", kernel.MS_BIND)
        kernel.set_read_only(git, read_only=True, recursive=False)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(text)
