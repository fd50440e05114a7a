"""Ways out of a sandbox, each of which must end at a wall."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.integration.sandbox.conftest import bubblewrap, landlock
from tests.integration.sandbox.inside import Inside

from ezaigents.sandbox.walls import Walls


def test_a_file_outside_cannot_be_read(inside: Inside, outside: Path) -> None:
    """Neither by its name, nor by a link in the copy, nor by the root of process 1."""
    secret = str(outside / "secret")
    (inside.folder / "link").symlink_to(secret)
    assert inside.fails("open(sys.argv[1]).read()", secret)
    assert inside.fails("open('link').read()")
    assert inside.fails("open('/proc/1/root' + sys.argv[1]).read()", secret)
    assert inside.fails("open('/proc/self/root' + sys.argv[1]).read()", secret)


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/hostname", "/root/.bashrc", "/var/lib/dpkg/status", "/run/utmp"])
def test_the_machines_own_files_cannot_be_read(inside: Inside, path: str) -> None:
    """What a system's programs do without is not shown."""
    assert inside.fails("open(sys.argv[1], 'rb').read(1)", path)


_TRY_ALL = """
import os, sys
open("mine", "w").close()
attempts, folders = map(eval, sys.argv[1:])
for folder in folders:
    for attempt in attempts:
        try:
            exec(attempt)
        except OSError:
            continue
        print("done:", folder, attempt)
"""


def test_nothing_outside_can_be_changed(inside: Inside, outside: Path) -> None:
    """Not written, made, removed, renamed, linked to, nor its permissions changed."""
    (inside.folder / "link").symlink_to(outside)
    attempts = (
        "open(folder + '/new', 'w').write('x')",
        "open(folder + '/secret', 'a').write('x')",
        "os.truncate(folder + '/secret', 0)",
        "os.chmod(folder + '/secret', 0)",
        "os.chmod(folder, 0o700)",
        "os.utime(folder)",
        "os.unlink(folder + '/secret')",
        "os.rename(folder + '/secret', folder + '/moved')",
        "os.rename('mine', folder + '/moved')",
        "os.link(folder + '/secret', 'mine-too')",
        "os.mkdir(folder + '/folder')",
    )
    # Should a wall be missing, the machine's own folders come to no harm by this.
    harmless = ("os.chmod(folder, os.stat(folder).st_mode & 0o7777)", "os.rmdir(folder + '/not-there')")
    folders = (str(outside), "link", "/proc/1/root" + str(outside))
    for tried, places in ((attempts, folders), (harmless, ("/usr", "/etc", "/usr/bin"))):
        done = inside.python(_TRY_ALL, repr(tried), repr(places))
        assert (done.output, done.exit_code) == (b"", 0)
    assert [entry.name for entry in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "the canary"
    assert (outside / "secret").stat().st_mode & 0o777 == 0o666


def test_git_of_the_copy_is_read_only(inside: Inside) -> None:
    """Hooks, configuration and the folder itself stay as they are; the rest of the copy can be written."""
    hooks = inside.folder / ".git" / "hooks"
    hooks.mkdir(parents=True)
    (inside.folder / ".git" / "config").write_text("[core]\n")
    assert inside.fails("open('.git/hooks/pre-commit', 'w').write('#!/bin/sh')")
    assert inside.fails("open('.git/config', 'a').write('[core]')")
    assert inside.fails("import os; os.rename('.git', 'git')")
    assert inside.fails("import shutil; shutil.rmtree('.git')")
    assert not inside.fails("import os; os.mkdir('src'); open('src/a.py', 'w').write('x')")
    assert list(hooks.iterdir()) == []
    assert (inside.folder / ".git" / "config").read_text() == "[core]\n"


def test_git_as_a_file_is_read_only(inside: Inside) -> None:
    """A working copy's `.git` is a pointer, which a command cannot turn elsewhere."""
    pointer = inside.folder / ".git"
    pointer.write_text("gitdir: /somewhere\n")
    assert inside.fails("open('.git', 'w').write('gitdir: here')")
    assert inside.fails("import os; os.unlink('.git')")
    assert inside.fails("import os; open('x', 'w').close(); os.rename('x', '.git')")
    assert pointer.read_text() == "gitdir: /somewhere\n"


def test_no_secret_of_the_environment_reaches_a_command(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by its own environment, nor by that of any process it can see; what it is given is ours or the caller's."""
    monkeypatch.setenv("EZ_CANARY_KEY", "canary-in-the-environment")
    code = (
        "import os, json\nfound = []\nfor pid in filter(str.isdigit, os.listdir('/proc')):\n"
        " for name in ('environ', 'cmdline'):\n"
        "  try: found.append(open(f'/proc/{pid}/{name}', 'rb').read().decode())\n  except OSError: pass\n"
        "print(json.dumps([found, dict(os.environ)]))"
    )
    done = inside.run("python3", "-c", code, environ={"CI": "1"})
    assert done.is_success
    assert b"canary" not in done.output
    names = inside.run("env", environ={"CI": "1"}).output.decode().split("\n")
    assert {name.partition("=")[0] for name in names if name} == {"PATH", "HOME", "LANG", "TERM", "TMPDIR", "CI"}


def test_no_descriptor_of_the_host_reaches_a_command(inside: Inside, outside: Path) -> None:
    """Even one that the host would hand to its children."""
    with (outside / "secret").open() as file:
        os.set_inheritable(file.fileno(), True)
        done = inside.python("import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])")
    assert done.output == b"['0', '1', '2']\n"
    assert inside.run("cat").output == b""


def test_the_launcher_is_out_of_reach(inside: Inside) -> None:
    """Its memory, descriptors and environment cannot be opened, it cannot be traced, and it does not die by signals."""
    for name in ("environ", "mem", "fd/0", "fd/1"):
        assert inside.fails(f"open('/proc/1/{name}', 'rb').read(1)"), name
    assert inside.fails("open('/proc/1/fd/1', 'wb').write(b'{}')")
    done = inside.python(
        "import ctypes, os, signal\nlibc = ctypes.CDLL(None)\nprint(libc.ptrace(16, 1, 0, 0))\n"
        "for number in (9, 15, 2, 1):\n try: os.kill(1, number)\n except OSError: pass\nprint('still here')"
    )
    assert done.output == b"-1\nstill here\n"
    assert done.exit_code == 0


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket(40, socket.SOCK_STREAM)",  # vsock: to the host of a virtual machine
        "import socket; socket.socket(38, socket.SOCK_SEQPACKET)",  # the kernel's ciphers
        "import socket; socket.create_connection(('1.1.1.1', 53), 2)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53))",
        "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('2606:4700:4700::1111', 53))",
        "import socket; socket.getaddrinfo('example.com', 80)",
        "import os; os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
        "import os; os.open('/proc/sysrq-trigger', os.O_WRONLY)",
        "open('/dev/vda', 'rb').read(1)",
        "import os; os.open('/dev/kmsg', os.O_WRONLY)",
    ],
)
def test_the_network_and_the_kernel_are_out_of_reach(inside: Inside, code: str) -> None:
    """No way out by an address, a device or a switch of the kernel."""
    assert inside.fails(code)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("unshare, user namespace", "libc.unshare(0x10000000)"),
        ("clone, user namespace", "libc.syscall({'x86_64': 56, 'aarch64': 220}[machine], 0x10000011, 0, 0, 0, 0)"),
        ("clone3", "libc.syscall(435, 0, 0)"),
        ("mount", "libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0)"),
        ("umount", "libc.umount2(b'/tmp', 2)"),
        ("chroot", "libc.chroot(b'.')"),
        ("io_uring_setup", "libc.syscall(425, 8, 0)"),
        ("bpf", "libc.syscall({'x86_64': 321, 'aarch64': 280}[machine], 0, 0, 0)"),
        ("add_key", "libc.syscall({'x86_64': 248, 'aarch64': 217}[machine], b'user', b'x', b'y', 1, -2)"),
        ("setuid", "libc.setuid(0)"),
    ],
)
def test_system_calls_that_lead_out_are_refused(inside: Inside, name: str, call: str) -> None:
    """Namespaces, mounts, rings, keys: each is refused as forbidden or unknown, not for another reason."""
    start = "import ctypes, errno, os\nlibc = ctypes.CDLL(None, use_errno=True)\nmachine = os.uname().machine\n"
    code = f"{start}print({call}, end=' ')\n"
    done = inside.python(code + "print(errno.errorcode[ctypes.get_errno()])")
    assert done.output in {b"-1 EPERM\n", b"-1 ENOSYS\n", b"-1 EINVAL\n" if name == "setuid" else b""}, name


def test_a_program_with_a_users_bit_gives_no_rights(inside: Inside) -> None:
    """no_new_privs is set, no capability is held, and the user inside is one without rights."""
    status = inside.run("cat", "/proc/self/status").output.decode()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert facts["Uid"].split() == ["1000"] * 4


def test_what_lies_in_a_shown_folder_can_be_hidden(sandbox_name: str, outside: Path, tmp_path: Path) -> None:
    """The data folder stays hidden even where a tool chain is shown that holds it."""
    (outside / "home").mkdir()
    (outside / "home" / "token").write_text("canary")
    walls = Walls(toolchains=(*_python(), outside), masked=(outside / "home",))
    sandbox = bubblewrap(walls) if sandbox_name == "bubblewrap" else landlock(walls)
    folder = tmp_path / "copy"
    folder.mkdir()
    inside = Inside(sandbox, folder)
    assert not inside.fails("open(sys.argv[1]).read()", str(outside / "secret"))
    assert inside.fails("open(sys.argv[1]).read()", str(outside / "home" / "token"))
    assert inside.fails("open(sys.argv[1] + '/new', 'w').write('x')", str(outside))


@pytest.fixture(params=["bubblewrap", "landlock"])
def sandbox_name(request: pytest.FixtureRequest) -> str:
    """Which of the two."""
    return str(request.param)


def _python() -> tuple[Path, ...]:
    import sys

    return () if sys.base_prefix.startswith("/usr") else (Path(sys.base_prefix),)


@pytest.mark.usefixtures("only_root")
def test_root_is_nobody_in_truth(walls: Walls) -> None:
    """What root may read and the sandbox shows is closed to a command: its user is another, outside too."""
    folder = Path(tempfile.mkdtemp(prefix="ez-copy-", dir="/var/tmp"))
    shown = Path(tempfile.mkdtemp(prefix="ez-chain-", dir="/var/tmp"))
    try:
        shown.chmod(0o755)
        (shown / "of-root").write_text("canary")
        (shown / "of-root").chmod(0o600)
        (folder / "mine").write_text("x")
        chains = Walls(toolchains=(*walls.toolchains, shown), masked=())
        inside = Inside(bubblewrap(chains), folder)
        assert inside.fails("open(sys.argv[1]).read()", str(shown / "of-root"))
        assert not inside.fails("open('made', 'w').write('x'); open('mine', 'a').write('y')")
        assert (folder / "made").stat().st_uid == 65534
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(shown)


@pytest.mark.usefixtures("only_root")
def test_giving_the_copy_away_follows_no_link(walls: Walls, outside: Path, tmp_path: Path) -> None:
    """The working copy is given to the user without rights; what its links point to is not."""
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "file-link").symlink_to(outside / "secret")
    (folder / "folder-link").symlink_to(outside)
    assert Inside(bubblewrap(walls), folder).run("true").is_success
    assert (outside / "secret").stat().st_uid == 0
    assert outside.stat().st_uid == 0
    assert (folder / "file-link").lstat().st_uid == 65534
