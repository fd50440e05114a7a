"""What a command may use, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.integration.sandbox.inside import MIB, Inside, processes_named, settled
from tests.leaks import run, until

from ezaigents.sandbox import Ended, running


def test_a_command_that_ends_says_how(inside: Inside) -> None:
    """Exit code, signal, output as it came, and the folder it worked in."""
    done = inside.run("sh", "-c", "echo out; echo err >&2; echo again; echo new > made; exit 3")
    assert (done.ended, done.exit_code, done.signal, done.leftovers) == (Ended.EXITED, 3, 0, 0)
    assert done.output == b"out\nerr\nagain\n"
    assert (inside.folder / "made").read_text() == "new\n"
    killed = inside.run("sh", "-c", "kill -SEGV $$")
    assert (killed.ended, killed.exit_code, killed.signal) == (Ended.EXITED, None, signal.SIGSEGV)


def test_words_arrive_as_they_are(inside: Inside) -> None:
    """No shell touches them, and any bytes that a name can hold come through."""
    words = ["$(id)", "`id`", "; ls", "*", "a b", "caf\udce9", "--", "", "\n"]
    done = inside.run("python3", "-c", "import sys, os; print([os.fsencode(w) for w in sys.argv[1:]])", *words)
    assert done.output.decode().strip() == str([os.fsencode(word) for word in words])


def test_a_command_begins_in_the_folder_it_is_told(inside: Inside) -> None:
    """`cwd` is relative to the copy; one that is not there is a refusal that says so."""
    (inside.folder / "src" / "deep").mkdir(parents=True)
    assert inside.run("pwd", cwd="src/deep").output.strip().endswith(b"src/deep")
    done = inside.run("pwd", cwd="nowhere")
    assert (done.ended, done.exit_code) == (Ended.REFUSED, None)
    assert b"no folder 'nowhere'" in done.output


def test_a_program_that_is_not_there_is_refused(inside: Inside) -> None:
    """It says which and where it was looked for; a file that cannot be run is refused too."""
    done = inside.run("no-such-program", "x")
    assert (done.ended, done.exit_code) == (Ended.REFUSED, None)
    assert b"no program 'no-such-program' in the sandbox (PATH " in done.output
    (inside.folder / "text").write_text("not a program")
    assert inside.run("./text").ended is Ended.REFUSED


def test_time_is_up(inside: Inside) -> None:
    """A command that takes too long is killed, whatever signals it ignores; what it said is kept."""
    done = inside.python(
        "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
        "print('said', flush=True)\ntime.sleep(99)",
        timeout_s=1.0,
    )
    assert (done.ended, done.exit_code, done.signal) == (Ended.TIME, None, signal.SIGKILL)
    assert done.output == b"said\n"


def test_a_flood_is_cut_and_ended(inside: Inside) -> None:
    """Output without end is killed; its head and tail are kept within the limit, with a line that counts the rest."""
    done = inside.run("sh", "-c", "echo first; yes", output_bytes=1000)
    assert done.ended is Ended.OUTPUT
    assert done.output.startswith(b"first\ny\n")
    assert b"bytes left out ...]" in done.output
    assert len(done.output) < 1100


@pytest.mark.parametrize("children", [1, 4])
def test_memory_is_limited_for_all_processes_together(inside: Inside, children: int) -> None:
    """One that takes too much is killed, and so are several that take too much in sum."""
    code = (
        "import os, sys, time\nchildren = int(sys.argv[1])\n"
        "for _ in range(children - 1):\n if os.fork() == 0: break\n"
        "held = []\nfor _ in range(160 // children):\n held.append(b'x' * (1 << 20))\n time.sleep(0.001)\n"
        "time.sleep(30)"
    )
    done = inside.python(code, str(children), memory_bytes=96 * MIB)
    assert (done.ended, done.exit_code) == (Ended.MEMORY, None)


def test_one_allocation_that_is_too_large_fails(inside: Inside) -> None:
    """Between two looks no process gets far: the kernel refuses, and the program says so."""
    done = inside.python("x = bytearray(2 << 30)", memory_bytes=64 * MIB)
    assert (done.ended, done.exit_code) == (Ended.EXITED, 1)
    assert b"MemoryError" in done.output


def test_address_space_may_be_reserved(inside: Inside) -> None:
    """What is not used does not count: some languages reserve tens of gigabytes."""
    done = inside.python("import mmap; mmap.mmap(-1, 20 << 30, prot=0); print('fine')", memory_bytes=64 * MIB)
    assert done.output == b"fine\n"


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_files_in_memory_count(inside: Inside, folder: str) -> None:
    """The private folders for temporary files hold no more than the memory allowed."""
    code = f"f = open('{folder}/big', 'wb', 0)\nfor _ in range(200): f.write(bytes(1 << 20))\nprint('every byte')"
    done = inside.python(code, memory_bytes=64 * MIB)
    assert b"every byte" not in done.output
    assert done.exit_code != 0


def test_limits_are_set(inside: Inside) -> None:
    """No core dumps, and bounds on files, their size, processes and processor time."""
    code = (
        "import resource as r\nnames = ('CORE', 'NOFILE', 'FSIZE', 'NPROC', 'CPU', 'DATA', 'AS')\n"
        "print([r.getrlimit(getattr(r, 'RLIMIT_' + name))[1] for name in names])"
    )
    core, *others = inside.python(code).output.decode().strip("[]\n").split(", ")
    assert core == "0"
    assert all(int(most) > 0 for most in others)


@pytest.mark.alone
def test_a_fork_bomb_is_bounded(inside: Inside) -> None:
    """No more processes than allowed, and none afterwards."""
    if os.geteuid() == 0 and inside.sandbox.name == "landlock":
        pytest.skip("the kernel's limit does not hold root back, which is why this sandbox is not offered to root")
    mark = uuid.uuid4().hex
    code = (
        "import os, time\ncount = 0\ntry:\n while True:\n  if os.fork() == 0: time.sleep(60)\n  count += 1\n"
        "except OSError: print(count, flush=True)"
    )
    done = inside.run("python3", "-c", code, mark, memory_bytes=4096 * MIB)
    assert done.ended is Ended.EXITED
    assert 100 < int(done.output) < 512
    assert done.leftovers == int(done.output)
    assert processes_named(mark) == []


@pytest.mark.alone
def test_a_bomb_that_never_stops_is_ended(inside: Inside) -> None:
    """Processes that make others for as long as they live are all gone when time is up."""
    mark = uuid.uuid4().hex
    code = (
        "import os\nfor _ in range(6):\n try: os.fork()\n except OSError: pass\n"
        "while True:\n try:\n  if os.fork() == 0: os._exit(0)\n"
        "  os.waitpid(-1, os.WNOHANG)\n except OSError: pass"
    )
    done = inside.run("python3", "-c", code, mark, timeout_s=1.0)
    assert done.ended is Ended.TIME
    assert processes_named(mark) == []


def test_a_daemon_left_behind_is_killed_and_counted(inside: Inside) -> None:
    """A session of its own, a second fork and closed descriptors do not save it."""
    mark = uuid.uuid4().hex
    code = (
        "import os, sys, time\nif os.fork():\n sys.exit(0)\nos.setsid()\nif os.fork():\n os._exit(0)\n"
        "for n in range(3): os.close(n)\ntime.sleep(1000)"
    )
    done = inside.run("sh", "-c", 'python3 -c "$0" "$1"; setsid sleep 1000 & echo ready', code, mark)
    assert (done.ended, done.exit_code, done.output) == (Ended.EXITED, 0, b"ready\n")
    assert done.leftovers >= 2
    assert processes_named(mark) == []


def test_a_cancelled_command_is_gone_before_the_caller_goes_on(inside: Inside) -> None:
    """Cancellation kills everything, waits for it and passes through."""
    mark = uuid.uuid4().hex

    async def story() -> None:
        command = asyncio.create_task(
            inside.sandbox.run(
                ["sh", "-c", "setsid sh -c 'sleep 1000; : $0' $0 & sleep 1000", mark],
                folder=inside.folder,
                timeout_s=60,
                memory_bytes=256 * MIB,
            )
        )
        await until(lambda: len(processes_named(mark)) >= 2)
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command
        assert processes_named(mark) == []

    run(settled(story()))


def test_a_launcher_that_does_not_answer_is_killed_with_all_it_holds(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled or out of time: the caller goes on when the last of its processes is gone, not before."""
    monkeypatch.setattr(running, "GRACE_S", 0.5)
    mark = uuid.uuid4().hex
    # Many processes that hold memory: for these the kernel needs a moment.
    code = "import os, time\nheld = os.urandom(8 << 20)\nfor _ in range(5): os.fork()\ntime.sleep(1000)"

    async def story() -> None:
        command = asyncio.create_task(
            inside.sandbox.run(
                ["python3", "-c", code, mark], folder=inside.folder, timeout_s=60, memory_bytes=4096 * MIB
            )
        )
        await until(lambda: len(processes_named(mark)) == 32)
        (outer,) = _children(os.getpid()) & {_parent(_parent(pid)) for pid in _roots(mark)}
        (launcher,) = _children(outer)
        os.kill(launcher, signal.SIGSTOP)
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command
        assert processes_named(mark) == []

    run(settled(story()))


_HOST = """
import asyncio, sys
from pathlib import Path
from tests.integration.sandbox.conftest import bubblewrap, landlock
from ezaigents.sandbox.walls import Walls
kind, folder, mark = sys.argv[1:]
chains = () if sys.base_prefix.startswith("/usr") else (Path(sys.base_prefix),)
sandbox = (bubblewrap if kind == "bubblewrap" else landlock)(Walls(toolchains=chains))
argv = ["sh", "-c", "setsid sleep 1000 & sleep 1000", mark]
asyncio.run(sandbox.run(argv, folder=Path(folder), timeout_s=100, memory_bytes=1 << 28))
"""


@pytest.mark.parametrize("victim", ["host", "launcher"])
def test_nothing_outlives_the_host_or_the_launcher(inside: Inside, victim: str) -> None:
    """When either is killed with no time to say so, the command goes with it."""
    mark = uuid.uuid4().hex
    path = os.pathsep.join(entry for entry in sys.path if entry)
    words = (inside.sandbox.name, str(inside.folder), mark)
    host = subprocess.Popen([sys.executable, "-c", _HOST, *words], env={**os.environ, "PYTHONPATH": path})
    commands: set[int] = set()
    try:

        def has_begun() -> bool:
            commands.update(set(processes_named("sleep")) & _beneath(host.pid))
            return len(commands) >= 2

        async def begun() -> None:
            await until(has_begun)

        run(begun())
        if victim == "host":
            host.kill()
        else:
            for child in _children(host.pid):
                os.kill(child, signal.SIGKILL)
        host.wait(20)

        async def gone() -> None:
            await until(lambda: not any(map(_lives, commands)))

        run(gone())
    finally:
        host.kill()
        host.wait()


def _roots(mark: str) -> list[int]:
    """The commands themselves, without the processes they made."""
    named = processes_named(mark)
    return [pid for pid in named if _parent(pid) not in named]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _lives(pid: int) -> bool:
    """Whether a process is more than an entry that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _beneath(pid: int) -> set[int]:
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        try:
            children = _children(waiting.pop())
        except OSError:
            continue
        found |= children
        waiting += children
    return found
