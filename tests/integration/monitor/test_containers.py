"""Containers, against a server that answers as Docker does, and as it never should."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.monitor.docker_daemon import ID, docker_daemon, stats
from tests.leaks import run

from ezaigents.monitor import Containers, ContainerSample, containers, containers_of


def test_running_containers_are_told(tmp_path: Path) -> None:
    """Processor time in seconds, memory without the cache that can be let go, bytes of all networks together."""

    async def story() -> None:
        async with docker_daemon(tmp_path / "d") as daemon:
            found = await containers_of(str(tmp_path / "d"))
            assert found == Containers(
                (
                    ContainerSample(
                        id=ID[:12], name="ez-host", image="ez:1", cpu_s=1.5, memory_bytes=30_000_000,
                        limit_bytes=8_000_000_000, received_bytes=101, sent_bytes=12,
                    ),
                ),
                present=True,
            )  # fmt: skip
            assert daemon.asked == [
                "/v1.41/containers/json",
                f"/v1.41/containers/{ID}/stats?stream=false&one-shot=true",
            ]

    run(story())


def test_where_no_docker_is_nobody_is_asked(tmp_path: Path) -> None:
    """No socket, a file in its place, or a setting that says so: there are no containers, and nothing is wrong."""

    async def story() -> None:
        (tmp_path / "file").write_text("x")
        for path in ("", str(tmp_path / "gone"), str(tmp_path / "file")):
            assert await containers_of(path) == Containers()

    run(story())


def test_a_container_that_ended_since_it_was_listed_is_left_out(tmp_path: Path) -> None:
    """Docker says that it knows none; those beside it are told."""

    async def story() -> None:
        async with docker_daemon(tmp_path / "d") as daemon:
            gone = {**daemon.listed[0], "Id": "f" * 64}
            daemon.listed = [gone, *daemon.listed]
            found = await containers_of(str(tmp_path / "d"))
            assert ([one.id for one in found.rows], found.why) == ([ID[:12]], "")

    run(story())


def test_very_many_are_cut_and_that_is_said(tmp_path: Path) -> None:
    """A look is bounded, whatever else runs on the machine."""

    async def story() -> None:
        async with docker_daemon(tmp_path / "d") as daemon:
            ids = [f"{number:064x}" for number in range(40)]
            daemon.listed = [{**daemon.listed[0], "Id": one} for one in ids]
            daemon.stats = {one: stats(1, usage=1, inactive=5) for one in ids}
            found = await containers_of(str(tmp_path / "d"))
            assert (len(found.rows), found.rows[0].memory_bytes) == (32, 0)
            assert found.why == "40 containers run; the first 32 are shown"

    run(story())


def test_a_docker_that_is_silent_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look goes on without it, and says so."""
    monkeypatch.setattr(containers, "_LOOK_S", 0.05)

    async def story() -> None:
        async with docker_daemon(tmp_path / "d") as daemon:
            daemon.silent = True
            found = await containers_of(str(tmp_path / "d"))
            assert (found.rows, found.present, "within 0.05 s" in found.why) == ((), True, True)

    run(story())


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "is not Docker"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}", "status 500"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{}", "hung up"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}", "is not Docker"),
        (b'HTTP/1.1 200 X\r\nContent-Length: 20\r\n\r\n[{"Id":"../../x?y"}]', "an id that is none"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9000000\r\n\r\n" + b" " * 4_300_000, "more than 4,194,304 bytes"),
    ],
    ids=["no http", "error", "cut", "other json", "no id", "endless"],
)
def test_what_is_not_docker_is_told_and_never_believed(tmp_path: Path, raw: bytes, says: str) -> None:
    """Nothing in an answer leads to another path, and none is read without end."""

    async def story() -> None:
        async with docker_daemon(tmp_path / "d") as daemon:
            daemon.raw = raw
            found = await containers_of(str(tmp_path / "d"))
            assert found.rows == ()
            assert says in found.why
            assert daemon.asked == ["/v1.41/containers/json"]

    run(story())
