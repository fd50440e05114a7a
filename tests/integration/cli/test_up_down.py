"""Starting and stopping fleets."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.integration.cli.installed import Place, read_until, wait_until


def test_a_fleet_comes_up_and_goes_down(place: Place) -> None:
    """`ez up --detach` prints the host's process id when it is ready, and `ez down` leaves nothing running."""
    pid = place.up()
    assert place.json("status")["host"]["pid"] == pid
    done = place.ez("down")
    assert done.code == 0
    assert f"process {pid}" in done.err
    assert place.processes() == {}


def test_down_says_when_there_is_nothing_to_stop(place: Place) -> None:
    """Stopping what does not run is no error."""
    done = place.ez("down")
    assert done.code == 0
    assert f"nothing runs on {place.home}" in done.err


def test_up_in_the_foreground_serves_until_it_is_told_to_stop(place: Place) -> None:
    """`ez up` says that the system is ready, stays, and ends well on SIGTERM; its data goes to nobody's stdout."""
    process = place.begin("up", "--no-dashboard", "--port", "3999")
    said = read_until(process.stderr, r"\ASystem ready in \d[^$]*^  stop .*\n").string
    assert str(place.home) in said
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out == b""
    assert place.processes() == {}


def test_a_second_host_of_the_same_name_is_refused(place: Place) -> None:
    """Two hosts of one name on one data folder would take each other's claims: the second learns pid and folder."""
    pid = place.up()
    for arguments in (("up",), ("up", "--detach"), ("up", "--no-dashboard")):
        done = place.ez(*arguments)
        assert done.code == 3
        assert f"pid {pid}" in done.error
        assert str(place.home) in done.error


def test_a_host_of_another_name_joins(place: Place) -> None:
    """Two hosts of different names share one engine, and `ez down` stops both."""
    place.up()
    engine = place.engine_pid()
    place.up("--name", "second")
    assert place.engine_pid() == engine
    assert place.json("agents")["agents"][-2]["slots"] == 16
    done = place.ez("down")
    assert "host main" in done.err
    assert "host second" in done.err
    assert place.processes() == {}


def test_an_orphaned_engine_is_found_and_stopped(place: Place) -> None:
    """After the death of its host the engine lives on: doctor says so, status says it is safe, down stops it."""
    pid = place.up()
    place.kill(pid)
    assert place.ez("status").code == 3
    found = {check["name"]: check for check in place.json("doctor")["checks"]}
    assert found["engine"]["verdict"] == "warn"
    assert str(place.engine_pid()) in found["engine"]["finding"]
    assert "ez down" in found["engine"]["advice"]
    assert place.ez("down").code == 0
    assert place.processes() == {}


def test_a_killed_host_is_followed_by_one_that_adopts_its_engine(place: Place) -> None:
    """A new host of a killed one's name takes over the living engine, and what was accepted there."""
    place.kill(place.up())
    engine = place.engine_pid()
    place.up()
    assert place.engine_pid() == engine


def test_down_never_ends_a_process_that_is_no_host(place: Place) -> None:
    """A number in a lock file that is another process's is not killed; the host is said to run elsewhere."""
    lock = place.home / "hosts" / "far.lock"
    lock.parent.mkdir(parents=True, mode=0o700)
    with subprocess.Popen(["sleep", "600"]) as bystander, lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(f"{bystander.pid}\n")
        held.flush()
        done = place.ez("down")
        assert done.code == 1
        assert "host far lives" in done.error
        assert bystander.poll() is None
        bystander.kill()


def test_nothing_is_imported_from_the_workspace(place: Place) -> None:
    """A workspace is data: a file there that is named like a module of ours is not run by being stood in."""
    for name in ("asyncio", "msgspec", "json", "ezaigents", "click"):
        place.write(f"{name}.py", "raise SystemExit('taken in')\n")
    place.up()
    assert place.ez("run", "x", ".").code == 0


def test_two_signals_stop_a_busy_host_at_once(place: Place) -> None:
    """A second signal shortens the grace."""
    pid = place.up(EZ_GRACE_S="300")
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    wait_until(lambda: pid not in place.processes(), "the host has ended", 20)


def test_a_malformed_config_file_is_named_with_line_and_key(place: Place) -> None:
    """A mistake in ezaigents.toml stops the start with file, line and key; `ez doctor` shows the same."""
    path = place.write("ezaigents.toml", "# ours\ngrace_s = 3\nlease_s = 'soon'\n")
    for arguments in (("up",), ("up", "--detach"), ("run", "x", "."), ("status",)):
        done = place.ez(*arguments)
        assert done.code == 2
        assert f"{path}, line 3, key 'lease_s'" in done.error
    doctor = place.ez("doctor")
    assert doctor.code == 1
    assert f"{path}, line 3" in doctor.out


def test_a_file_that_is_not_toml_is_named(place: Place) -> None:
    """A file that cannot be parsed is named with the place of the mistake."""
    place.write("ezaigents.toml", "lease_s = = 3\n")
    done = place.ez("up")
    assert done.code == 2
    assert "ezaigents.toml: is not TOML" in done.error
    assert "line 1" in done.error


@pytest.mark.parametrize("url", ["http://localhost:1", "redis://127.0.0.1:1", "redis://no-such-host.invalid:6379"])
def test_a_wrong_engine_url_is_told_without_its_password(place: Place, url: str) -> None:
    """An engine that cannot be reached is an error in one line, which does not show the password."""
    with_password = url.replace("//", "//me:hush-hush@")
    for arguments in (("up",), ("up", "--detach"), ("status",)):
        done = place.ez(*arguments, EZ_REDIS_URL=with_password)
        assert done.code in (2, 3)
        assert done.error
        assert "hush-hush" not in done.err


def test_a_data_folder_that_cannot_be_made_is_named(place: Place, tmp_path: Path) -> None:
    """A data folder beneath a file cannot be: the message names it."""
    (tmp_path / "file").write_text("")
    done = place.ez("up", EZ_HOME=str(tmp_path / "file" / "data"))
    assert done.code == 2
    assert str(tmp_path / "file") in done.error


def test_a_folder_that_is_gone_is_told(place: Place, tmp_path: Path) -> None:
    """Standing in a removed folder is an error in one line."""
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    command = ["bash", "-c", script, "bash", *place.command("status")]
    done = subprocess.run(command, cwd=tmp_path, env=place.environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"current folder" in done.stderr


def test_status_has_the_promised_shape(place: Place) -> None:
    """`ez status --json` is a promise: exactly these names, of these types."""
    pid = place.up()
    status = place.json("status")
    assert list(status) == ["ready", "agents", "queue", "engine", "host", "started_in_s"]
    assert status["ready"] is True
    names = ["claude", "deepseek", "gemini", "gpt", "local", "mistral"]
    assert [agent["name"] for agent in status["agents"]] == names
    assert all(list(agent) == ["name", "state", "slots", "busy"] for agent in status["agents"])
    states = ["blocked", "ready", "delayed", "leased", "done", "dead", "cancelled", "skipped"]
    assert list(status["queue"]) == states
    assert list(status["engine"]) == ["kind", "version", "durability", "used_memory_bytes"]
    assert status["engine"]["kind"] == "embedded"
    assert status["engine"]["durability"] == "always"
    assert list(status["host"]) == ["name", "pid", "rss_bytes"]
    assert status["host"]["pid"] == pid
    assert status["host"]["rss_bytes"] > 1_000_000
    assert 0 < status["started_in_s"] < 60


def test_a_host_without_its_engine_is_not_taken_for_nothing(place: Place) -> None:
    """While a living host restarts its engine nothing has to be started, and nobody is told to."""
    host = place.up()
    os.kill(host, signal.SIGSTOP)
    try:
        os.kill(place.engine_pid(), signal.SIGKILL)
        for arguments in (("status",), ("run", "--no-wait", "x", ".")):
            done = place.ez(*arguments)
            assert done.code == 3
            assert "host main lives and its engine does not answer; see its log, or `ez doctor`" in done.error
            assert "ez up" not in done.error
    finally:
        os.kill(host, signal.SIGCONT)
    wait_until(lambda: place.ez("status").code == 0, "the host has an engine again")


def test_status_for_people_says_who_is_paused(place: Place) -> None:
    """An agent that is paused is still there, and a pause of everything is said as such."""
    place.up()
    assert "paused" not in place.ez("status").out
    for arguments, who in ((("pause", "local", "gpt"), "gpt, local"), (("pause",), "everything")):
        place.ez(*arguments)
        lines = [line.split(maxsplit=1) for line in place.ez("status").out.splitlines()]
        assert ["agents", "local (paused)"] in lines
        assert ["paused", who] in lines


def test_status_for_people_says_the_same(place: Place) -> None:
    """`ez status` names host, engine, durability and data folder."""
    pid = place.up()
    out = place.ez("status").out
    for word in ("main", str(pid), "embedded", "always", str(place.home), "0 dead"):
        assert word in out


def test_the_log_of_a_host_in_the_background_is_private_and_bounded(tmp_path: Path) -> None:
    """A log that is full begins anew and keeps its predecessor, so it never holds more than twice its limit."""
    import sys

    log = tmp_path / "host.log"
    code = (
        "import logging, os, pathlib, sys\n"
        "from ezaigents.cli.log import BoundedHandler\n"
        "logging.basicConfig(handlers=[BoundedHandler(pathlib.Path(sys.argv[1]), 10_000)])\n"
        "for number in range(1000): logging.error('line %d %s', number, 'x' * 80)\n"
        "os.write(2, b'last words\\n')\n"
    )
    with log.open("ab") as out:
        subprocess.run([sys.executable, "-c", code, str(log)], stderr=out, check=True, timeout=60)
    old = tmp_path / "host.log.old"
    assert log.stat().st_size <= 10_200
    assert old.stat().st_size <= 10_200
    assert log.read_text().endswith("last words\n")
    assert log.stat().st_mode & 0o077 == 0
