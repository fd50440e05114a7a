"""Several hosts, one engine: locks, adoption, leaving, orphans."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.integration.engine.conftest import HostProcess, call
from tests.integration.engine.waiting import wait_until

from ezaigents.engine import EngineHandle, HostLock, begin, find_living, find_orphan, living_hosts, stop_orphan
from ezaigents.engine.locks import Gate
from ezaigents.engine.process import engine_pid, stop_engine
from ezaigents.errors import ConfigError, HostConflict
from ezaigents.settings import Settings

Start = Callable[..., HostProcess]


def _named(settings: Settings, name: str) -> Settings:
    return msgspec.structs.replace(settings, name=name)


def test_same_name_is_refused(settings: Settings, start_host: Start) -> None:
    """A second host of one name is refused; pid and folder of the first are named."""
    first = start_host(settings)
    first.answer()
    second = start_host(settings).answer()
    assert second["error"] == "HostConflict"
    assert str(first.pid) in second["text"]
    assert settings.home in second["text"]


def test_conflict_within_one_process(settings: Settings) -> None:
    """The lock holds against its own process as well, and is free after its release."""
    lock = HostLock(settings)
    lock.acquire()
    with pytest.raises(HostConflict) as caught:
        HostLock(settings).acquire()
    assert caught.value.pid == os.getpid()
    lock.release()
    HostLock(settings).acquire()


def test_a_dead_hosts_name_is_free(settings: Settings, start_host: Start) -> None:
    """The kernel frees the name of a killed host."""
    first = start_host(settings)
    first.answer()
    first.kill()
    lock = HostLock(settings)
    lock.acquire()
    assert living_hosts(settings.home_path) == {"main": os.getpid()}
    lock.release()
    assert living_hosts(settings.home_path) == {}


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "x" * 65, "a\n"])
def test_names_stay_in_their_folder(settings: Settings, name: str) -> None:
    """A host's name cannot lead out of the folder of locks."""
    with pytest.raises(ConfigError, match="name"):
        HostLock(_named(settings, name))


def test_the_engine_outlives_a_killed_host_and_is_adopted(settings: Settings, start_host: Start) -> None:
    """kill -9 of the host leaves the engine running with its data; the next host adopts it."""
    first = start_host(settings)
    pid = first.answer()["pid"]
    visitor = find_living(settings)
    assert visitor is not None
    call(visitor, "SET", "{ez:x}:a", "kept")
    first.kill()
    handle = begin(settings).ready()
    assert handle.adopted
    assert handle.pid == pid
    assert call(handle, "GET", "{ez:x}:a") == b"kept"
    handle.leave()
    assert not Path(f"/proc/{pid}/fd/3").exists()


def test_the_last_to_leave_stops_it(settings: Settings, start_host: Start) -> None:
    """The engine stays while one host lives, and goes with the last."""
    first = start_host(_named(settings, "a"))
    pid = first.answer()["pid"]
    second = start_host(_named(settings, "b"))
    answer = second.answer()
    assert answer["pid"] == pid
    assert answer["adopted"]
    first.ask_to_leave()
    assert first.answer()["left"]
    assert engine_pid(settings.home_path) == pid
    second.ask_to_leave()
    assert second.answer()["left"]
    assert engine_pid(settings.home_path) is None


def test_two_leave_at_once(settings: Settings, start_host: Start) -> None:
    """Of two hosts that leave at the same moment one stops the engine: neither waits for the other."""
    for _ in range(4):
        hosts = [start_host(_named(settings, name)) for name in ("a", "b")]
        assert len({host.answer()["pid"] for host in hosts}) == 1
        for host in hosts:
            host.ask_to_leave()
        for host in hosts:
            assert host.answer()["left"]
        assert engine_pid(settings.home_path) is None


def test_leaving_needs_no_release_first(settings: Settings) -> None:
    """Two hosts that both left, and still hold their names, keep no engine alive."""
    a, b = _named(settings, "a"), _named(settings, "b")
    locks = [HostLock(a), HostLock(b)]
    for lock in locks:
        lock.acquire()
    handles = [begin(a).ready(), begin(b).ready()]
    handles[0].leave()
    assert engine_pid(settings.home_path) is not None
    handles[1].leave()
    assert engine_pid(settings.home_path) is None
    for lock in locks:
        lock.release()


def test_many_start_at_once(settings: Settings, start_host: Start) -> None:
    """Of hosts that start together one spawns the engine, all others adopt it."""
    hosts = [start_host(_named(settings, f"h{number}")) for number in range(4)]
    answers = [host.answer() for host in hosts]
    assert len({answer["pid"] for answer in answers}) == 1, answers
    assert sorted(answer["adopted"] for answer in answers) == [False, True, True, True]


def test_start_while_the_last_leaves(settings: Settings, start_host: Start) -> None:
    """A host that starts while the last one stops the engine ends up with a living one."""
    for _ in range(4):
        old = start_host(_named(settings, "old"))
        old.answer()
        old.ask_to_leave()
        handle = begin(settings).ready()
        lock = HostLock(settings)
        lock.acquire()
        assert old.answer()["left"]
        handle = begin(settings).ready()
        assert call(handle, "PING") == b"PONG"
        handle.leave()
        lock.release()


def test_ready_waits_for_one_who_stops_it(settings: Settings) -> None:
    """While another process is about to stop the engine nobody is told that it is ready; then a new one is."""
    first = begin(settings).ready()
    found: list[EngineHandle] = []
    starting = begin(settings)
    with Gate(settings.home_path):
        thread = threading.Thread(target=lambda: found.append(starting.ready()))
        thread.start()
        thread.join(0.3)
        assert not found
        stop_engine(settings.home_path)
    thread.join(20)
    assert found[0].pid != first.pid
    assert call(found[0], "PING") == b"PONG"
    found[0].leave()


def test_orphans_are_found_and_stopped(settings: Settings, start_host: Start) -> None:
    """An engine without any host is found by pid and can be stopped."""
    assert find_orphan(settings) is None
    assert not stop_orphan(settings)
    host = start_host(settings)
    pid = host.answer()["pid"]
    assert find_orphan(settings) is None
    assert not stop_orphan(settings), "a host lives there"
    host.kill()
    assert find_orphan(settings) == pid
    assert stop_orphan(settings)
    assert find_orphan(settings) is None
    wait_until(lambda: not Path(f"/proc/{pid}/fd/3").exists())


def test_a_bystander_is_not_the_engine(settings: Settings) -> None:
    """A process that merely has the lock file open is never taken for the engine."""
    handle = begin(settings).ready()
    with (settings.home_path / "engine.lock").open():
        assert engine_pid(settings.home_path) == handle.pid
        handle.leave()
        assert engine_pid(settings.home_path) is None
