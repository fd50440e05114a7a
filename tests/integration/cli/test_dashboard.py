"""`ez dashboard`: the site apart from hosts, and who finds it."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.integration.cli.installed import WITHIN_S, Place, collect_orphans, read_until, wait_until


@pytest.fixture(scope="session", autouse=True)
def _orphans_are_collected() -> None:
    collect_orphans()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A workspace with a file; whatever a test leaves running fails it."""
    made = Place(tmp_path)
    made.write("a.py", "x = 1\n")
    yield made
    made.ez("down")
    left = made.clear()
    assert not left, f"left running: {left}"


@contextmanager
def _dashboard(place: Place, *args: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of one that runs apart, and its process, which ends with 0 at Ctrl-C."""
    process = place.begin("dashboard", *args)
    try:
        link = read_until(process.stderr, r"(http://\S+)/enter\?code=\S+")
        yield link[1], process
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0
        assert b"stopped" in said
        assert b"Traceback" not in said
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _get(address: str, path: str, token: str = "") -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx2.get(address + path, headers=headers, timeout=20, trust_env=False)


def test_it_serves_a_fleet_that_has_none(place: Place) -> None:
    """Beside a host without a dashboard it answers like one; `ez open` and `ez status` find it while it lives."""
    place.up("--no-dashboard")
    assert "dashboard" not in place.ez("status").out
    with _dashboard(place) as (address, _):
        token = (place.home / "token").read_text().strip()
        assert _get(address, "/api/status", token).json()["ready"]
        assert _get(address, "/api/health").json() == {"ok": True}
        opened = place.json("open")
        assert opened["address"] == address
        entered = httpx2.get(opened["link"], timeout=20, trust_env=False)
        assert entered.status_code == 303
        assert address in place.ez("status").out
    assert place.ez("open").code == 3
    assert address not in place.ez("status").out


def test_it_outlives_the_fleet(place: Place) -> None:
    """While the fleet is away it says so; it answers again when that is back."""
    place.up("--no-dashboard")
    with _dashboard(place) as (address, _):
        assert _get(address, "/api/health").status_code == 200
        assert place.ez("down").code == 0
        wait_until(lambda: _get(address, "/api/health").status_code == 503, "it says that the fleet is away")
        place.up("--no-dashboard")
        wait_until(lambda: _get(address, "/api/health").status_code == 200, "it says that the fleet is back")


def test_the_address_of_a_host_is_shown(place: Place) -> None:
    """`ez status` says where the dashboard of a host is."""
    place.up()
    address = place.json("open")["address"]
    assert address in place.ez("status").out


def test_there_is_one_for_a_data_folder(place: Place) -> None:
    """A second one is refused with 2, and the words name the first."""
    place.up("--no-dashboard")
    with _dashboard(place) as (address, process):
        refused = place.ez("dashboard")
        assert refused.code == 2
        assert str(process.pid) in refused.error
        assert address.rpartition(":")[2] in refused.error


def test_it_is_refused_where_it_cannot_be(place: Place) -> None:
    """Without a fleet it leaves with 3 and says what to type; with a port that is taken with 2."""
    refused = place.ez("dashboard")
    assert refused.code == 3
    assert "`ez up`" in refused.error
    place.up("--no-dashboard")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        refused = place.ez("dashboard", "--port", port)
    assert refused.code == 2
    assert port in refused.error
    assert "--port" in refused.error
    assert "--no-dashboard" not in refused.error


def test_one_that_was_killed_is_not_found(place: Place) -> None:
    """What its file says counts only while it lives."""
    place.up("--no-dashboard")
    process = place.begin("dashboard")
    read_until(process.stderr, r"/enter\?code=\S+")
    process.kill()
    process.communicate(timeout=WITHIN_S)
    assert place.ez("open").code == 3
    with _dashboard(place) as (address, _):
        assert place.json("open")["address"] == address
