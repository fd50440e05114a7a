"""The few system calls that the standard library lacks. Job: their numbers and shapes. Not its job: when to make them.

Read by the launcher, which runs without site-packages: standard library only.
Source: landlock(7), seccomp(2), prctl(2), Linux man-pages 6; include/uapi/linux of Linux 6.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

TYPE_CHECKING = False  # typing itself would take as long to load as all the rest
if TYPE_CHECKING:
    from collections.abc import Iterable

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
_MOUNT_SETATTR, _MOUNT_RDONLY, _AT_RECURSIVE, _AT_FDCWD = 442, 1, 0x8000, -100

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, argument: int = 0) -> None:
    """Raises OSError."""
    _checked(_libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def unshare(flags: int) -> None:
    """Raises OSError."""
    _checked(_libc.unshare(flags))


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Raises OSError."""
    words = [os.fsencode(word) for word in (source, target, kind)]
    _checked(_libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options)))


def set_read_only(path: str, *, read_only: bool, recursive: bool) -> None:
    """Change what mounted at `path`, with all beneath it if `recursive`. Linux 5.12. Raises OSError."""
    changes = (_MOUNT_RDONLY, 0) if read_only else (0, _MOUNT_RDONLY)
    attributes = struct.pack("=QQQQ", *changes, 0, 0)
    flags = ctypes.c_uint(_AT_RECURSIVE if recursive else 0)
    where = (ctypes.c_int(_AT_FDCWD), os.fsencode(path), flags)
    _syscall(_MOUNT_SETATTR, *where, attributes, ctypes.c_size_t(len(attributes)))


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def _syscall(number: int, *arguments: object) -> int:
    return _checked(int(_libc.syscall(ctypes.c_long(number), *arguments)))


# Landlock. The numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_RIGHTS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files each version knows; later ones know 16."""
_SCOPES = 0b11
"""Abstract UNIX sockets, and signals: to those outside, neither."""
LEAST_ABI = 3
"""From here on Landlock also holds truncate(2) back; Linux 6.2."""


def landlock_abi() -> int:
    """Which version of Landlock the kernel has; 0: none, or switched off."""
    try:
        return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    except OSError:
        return 0


def landlock(readable: Iterable[str], writable: Iterable[str]) -> None:
    """From now on this process and its children may only read beneath the ones and write beneath the others.

    A path that is not there is left out. no_new_privs must be set. Raises OSError.
    """
    abi = landlock_abi()
    rights = (1 << _RIGHTS_BITS.get(abi, 16)) - 1
    attributes = struct.pack("=QQQ", rights, 0, _SCOPES if abi >= 6 else 0)[: 24 if abi >= 6 else 8]
    ruleset = _syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for paths, allowed in ((readable, _READ), (writable, rights)):
            for path in paths:
                _allow(ruleset, path, allowed & rights)
        _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(f"/proc/self/fd/{beneath}"):  # noqa: PTH112 - pathlib weighs, and this runs for each command
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, beneath)
        _syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(beneath)


# seccomp: what no build and no test needs, and what has led out of sandboxes.
_SECCOMP_FILTER, _PR_SET_SECCOMP = 2, 22
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUALS, _AT_LEAST, _BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020080
"""Every CLONE_NEW flag: a user namespace of its own would give a command all capabilities in it."""
_CLONE3 = 435
_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442)
"""io_uring (it passes by seccomp), the new mount calls, pidfd_getfd: one number on all architectures."""
_TABLES = {
    # machine: (audit arch, socket, clone, refused), the last: ptrace, process_vm_readv/writev, mount, umount2,
    # pivot_root, chroot, unshare, setns, keyctl, add_key, request_key, bpf, perf_event_open, userfaultfd,
    # kexec_load, kexec_file_load, init_module, finit_module, delete_module, swapon, reboot, open_by_handle_at
    "x86_64": (0xC000003E, 41, 56, (101, 310, 311, 165, 166, 155, 161, 272, 308, 250, 248, 249, 321, 298, 323, 246, 320,
                                    175, 313, 176, 167, 169, 304)),
    "aarch64": (0xC00000B7, 198, 220, (117, 270, 271, 40, 39, 41, 51, 97, 268, 219, 217, 218, 280, 241, 282, 104, 294,
                                       105, 273, 106, 224, 142, 265)),
}  # fmt: skip


def has_seccomp() -> bool:
    """Say whether the filter is written for this machine."""
    return os.uname().machine in _TABLES


def seccomp(families: Iterable[int]) -> None:
    """From now on this process and its children make no sockets but of these families, no namespaces, no mounts.

    Other families matter: virtual machines talk to their host over vsock, which no network namespace holds back.
    no_new_privs must be set. Raises OSError; KeyError where `has_seccomp` is False.
    """
    program = _filter(families)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    _checked(
        _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_FILTER), header, ctypes.c_ulong(0), ctypes.c_ulong(0))
    )


def _filter(families: Iterable[int]) -> bytes:
    arch, socket, clone, refused = _TABLES[os.uname().machine]
    lines = [(_LOAD, 0, 0, 4), (_EQUALS, 1, 0, arch), (_RETURN, 0, 0, _KILL)]
    lines += [(_LOAD, 0, 0, 0), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    for number in (*refused, *_EVERYWHERE):
        lines += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    # The flags of clone3() lie where no filter looks. Where it is unknown, the C library makes do with clone().
    lines += [(_EQUALS, 0, 1, _CLONE3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    flags = [(_LOAD, 0, 0, 16), (_BITS, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    lines += [(_EQUALS, 0, len(flags) + 1, clone), *flags, (_RETURN, 0, 0, _ALLOW)]
    domains = [(_LOAD, 0, 0, 16)]
    for family in families:
        domains += [(_EQUALS, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    domains.append((_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT))
    lines += [(_EQUALS, 0, len(domains), socket), *domains, (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
