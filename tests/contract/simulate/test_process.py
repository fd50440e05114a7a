"""The server as a process: how it begins, whom it outlives, and how many it serves at once."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.contract.simulate.asking import ask, body_of, dial, head_of

from ezaigents.errors import ConfigError
from ezaigents.simulate import CallLine, SentLine, Simulator, read_log, start_simulator

pytestmark = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="it looks at processes through /proc")
_CROWD = 1000
_WITHIN_S = 60.0


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A running one, with a log."""
    with start_simulator(log=tmp_path / "log", bare=True) as started:
        yield started


def _ended(pid: int) -> bool:
    """Whether a process that may be nobody's child any more is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _wait(pid: int) -> None:
    until = time.monotonic() + _WITHIN_S
    while not _ended(pid):
        assert time.monotonic() < until, "it lives on"
        os.sched_yield()


def test_it_tells_its_address_and_answers(simulator: Simulator) -> None:
    """`ready` gives a URL on loopback that answers, and the same again."""
    url = simulator.ready()
    assert url.startswith("http://127.0.0.1:")
    assert asyncio.run(ask(url, "chat")).status == 200
    assert simulator.ready() == url


def test_it_ends_when_its_maker_does() -> None:
    """Killed, the process that started it cannot stop it; the simulator goes all the same."""
    program = (
        "import os, signal, sys; from ezaigents.simulate import start_simulator\n"
        "one = start_simulator(bare=True); one.ready(); print(one.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    _wait(int(done.stdout))


def test_sigterm_ends_it_in_the_middle_of_an_answer(simulator: Simulator) -> None:
    """It lets its clients go and leaves with 0."""

    async def story() -> bool:
        asking = asyncio.create_task(ask(simulator.ready(), "chat", stream=True, headers={"x-ez-fault": "endless"}))
        done, _ = await asyncio.wait([asking], timeout=0.2)
        assert not done
        os.kill(simulator.pid, signal.SIGTERM)
        return (await asking).whole

    assert not asyncio.run(story())
    assert os.waitid(os.P_PID, simulator.pid, os.WEXITED | os.WNOWAIT).si_status == 0  # type: ignore[union-attr]


def test_it_has_no_key_of_its_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the environment of who starts it do not reach it."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary")
    with start_simulator(bare=True) as started:
        started.ready()
        assert b"canary" not in Path(f"/proc/{started.pid}/environ").read_bytes()


def test_one_that_cannot_start_is_said(tmp_path: Path) -> None:
    """A rule file that is not there is an error of `ready`, and no process is left."""
    with start_simulator([tmp_path / "gone.toml"]) as started, pytest.raises(ConfigError, match="did not start"):
        started.ready()
    assert _ended(started.pid)


def test_options_that_are_wrong_leave_with_2(tmp_path: Path) -> None:
    """The module says what is wrong on one line."""
    done = subprocess.run(
        [sys.executable, "-m", "ezaigents.simulate", "--fault", "hung"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n"), done.stderr[:4]) == (2, 1, "ez: ")


def test_a_thousand_streams_at_once(simulator: Simulator, tmp_path: Path) -> None:
    """All are open at the same time, all end whole, each call is logged once, and memory stays bounded."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _CROWD + 200:
        pytest.skip("too few descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, _CROWD + 200), hard))
    try:
        whole = asyncio.run(_crowd(simulator.ready()))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert whole == _CROWD
    lines = read_log(tmp_path / "log")
    for _ in range(200):  # the last line is written when the last answer has left
        if len(lines) == 2 * _CROWD:
            break
        time.sleep(0.01)
        lines = read_log(tmp_path / "log")
    calls = {line.tag: line.id for line in lines if isinstance(line, CallLine)}
    assert len(calls) == _CROWD
    assert {line.id for line in lines if isinstance(line, SentLine)} == set(calls.values())
    assert len(lines) == 2 * _CROWD
    peak = next(line for line in Path(f"/proc/{simulator.pid}/status").read_text().splitlines() if "VmHWM" in line)
    assert int(peak.split()[1]) < 160 * 1024, peak


async def _crowd(url: str) -> int:
    """Send all heads and bodies first, then read all answers; returns how many were whole."""
    streams = [await dial(url) for _ in range(_CROWD)]
    body = msgspec.json.encode(body_of("chat", "x" * 2000, stream=True))
    for number, (_, writer) in enumerate(streams):
        writer.write(head_of("chat", body, f"x-ez-call: {number}") + body)
    whole = 0
    for reader, writer in streams:
        async with asyncio.timeout(_WITHIN_S):
            whole += (await reader.readuntil(b"0\r\n\r\n")).count(b"[DONE]")
        writer.close()
        await writer.wait_closed()
    return whole
