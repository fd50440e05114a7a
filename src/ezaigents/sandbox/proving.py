"""Does a sandbox hold? Job: try to escape from it, and look from outside at what came of it.

Not its job: choosing one (find). What a kernel or a program claims is not asked; only what can be done counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.codec import from_json
from ezaigents.sandbox.outcome import CommandOutcome, Sandbox
from ezaigents.sandbox.running import program

_WITHIN_S = 20.0
_MEMORY_BYTES = 256 * 1024 * 1024
_ATTEMPTS = r"""
import json, os, socket, sys
secret, write, tcp, udp, abstract, victim = sys.argv[1:]
done = {}
def attempt(name):
    def now(act):
        try:
            done[name] = str(act() or "")
        except Exception as error:
            done[name] = ""
        return act
    return now
@attempt("read")
def _(): return open(secret).read()
@attempt("write")
def _(): open(write, "w").write("here")
@attempt("tcp")
def _(): socket.create_connection(("127.0.0.1", int(tcp)), 2); return "connected"
@attempt("udp")
def _():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"here", ("127.0.0.1", int(udp)))
@attempt("abstract")
def _(): socket.socket(socket.AF_UNIX).connect("\0" + abstract); return "connected"
@attempt("named")
def _(): socket.socket(socket.AF_UNIX).connect(write + ".sock"); return "connected"
@attempt("signal")
def _(): os.kill(int(victim), 9)
@attempt("environ")
def _():
    found = [os.environ.get("EZ_PROOF", "")]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.append(open("/proc/" + pid + "/environ").read())
        except OSError:
            pass
    return "".join(found)
print(json.dumps(done))
"""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to escape. `holds`: it failed, as it should."""

    name: str
    holds: bool
    attempt: str


class _Bait(msgspec.Struct, frozen=True):
    """What lies outside, to be reached or not."""

    folder: Path
    secret: str
    tcp: socket.socket
    udp: socket.socket
    abstract: socket.socket
    named: socket.socket
    victim: subprocess.Popen[bytes]


def prove(sandbox: Sandbox) -> list[Proof]:
    """Run the attempts (under a second) in an event loop of its own: from another one, call it by asyncio.to_thread."""
    with _bait() as bait, tempfile.TemporaryDirectory(prefix="ez-proof-") as folder:
        done = asyncio.run(_attempted(sandbox, Path(folder), bait))
        return list(_judged(done, bait))


async def _attempted(sandbox: Sandbox, folder: Path, bait: _Bait) -> CommandOutcome:
    ports = (str(bait.tcp.getsockname()[1]), str(bait.udp.getsockname()[1]))
    words = (str(bait.folder / "secret"), str(bait.folder / "written"), *ports, bait.secret, str(bait.victim.pid))
    python = program("launch")[0]
    return await sandbox.run(
        [python, "-I", "-S", "-c", _ATTEMPTS, *words], folder=folder, timeout_s=_WITHIN_S, memory_bytes=_MEMORY_BYTES
    )


def _judged(done: CommandOutcome, bait: _Bait) -> Iterator[Proof]:
    try:
        said = from_json(done.output, dict[str, str])
    except msgspec.DecodeError:
        words = done.output.decode("utf-8", "replace").strip()[-200:]
        yield Proof(name="attempts", holds=False, attempt=f"could not be made: {done.ended}: {words}")
        return
    bait.udp.setblocking(False)
    heard = b""
    with contextlib.suppress(BlockingIOError):
        heard = bait.udp.recv(16)
    everything = "".join(said.values())
    yield Proof(name="read", holds=not said["read"], attempt="read a file outside of the working copy")
    yield Proof(
        name="write", holds=not (bait.folder / "written").exists(), attempt="write a file outside of the working copy"
    )
    yield Proof(name="tcp", holds=not said["tcp"], attempt="connect to a port of this machine")
    yield Proof(name="udp", holds=not heard, attempt="send a datagram to a port of this machine")
    sockets = said["abstract"] + said["named"]
    yield Proof(name="sockets", holds=not sockets, attempt="connect to a UNIX socket of this machine")
    yield Proof(name="signal", holds=bait.victim.poll() is None, attempt="kill a process outside")
    yield Proof(name="environment", holds=bait.secret not in everything, attempt="find a secret in an environment")


@contextlib.contextmanager
def _bait() -> Iterator[_Bait]:
    secret = secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        # Open to every user, so that only the sandbox is in the way.
        # Not in /tmp, which every sandbox has one of its own of: what is not in the way there has to be seen too.
        where = "/var/tmp" if os.access("/var/tmp", os.W_OK) else None  # noqa: S108
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ez-bait-", dir=where)))
        folder.chmod(0o777)
        (folder / "secret").write_text(secret)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{secret}")
        abstract.listen()
        named = stack.enter_context(socket.socket(socket.AF_UNIX))
        named.bind(str(folder / "written.sock"))
        (folder / "written.sock").chmod(0o777)
        named.listen()
        victim = stack.enter_context(_victim(secret))
        yield _Bait(folder, secret, tcp, udp, abstract, named, victim)


@contextlib.contextmanager
def _victim(secret: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["sleep", "60"], env={"EZ_PROOF": secret, "PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
