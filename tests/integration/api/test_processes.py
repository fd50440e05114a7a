"""The site of a real host: what it loads and when, who is told where it is, and what is written down."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.integration.cli.installed import Place, collect_orphans

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks into /proc")


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


def _loaded(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def _listening_ports(pid: int) -> set[int]:
    """TCP ports that a process listens on."""
    links = (str(Path(one).readlink()) for one in _open_files(pid))
    inodes = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    ports = set()
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def _open_files(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def test_nothing_of_the_site_is_in_memory_before_somebody_comes(place: Place) -> None:
    """The libraries of HTTP are loaded at the first connection, which is answered; `ez open` alone loads none."""
    pid = place.up()
    address = place.json("open")["address"]
    assert _listening_ports(pid) == {int(address.rpartition(":")[2])}
    assert "httptools" not in _loaded(pid)
    assert httpx2.get(f"{address}/api/health", timeout=20, trust_env=False).json() == {"ok": True}
    assert "httptools" in _loaded(pid)


def test_what_lets_somebody_in_is_written_down_nowhere(place: Place) -> None:
    """After links, sessions, tokens and mistakes, no file of the data folder but `token` holds any of them."""
    up = place.ez("up", "--detach")
    links = re.findall(r"http://\S+", up.err)
    pid = int(up.out)
    links += [place.ez("open", "--print").out.strip(), place.ez("open", "--role", "read").out.strip()]
    created = place.json("token", "create", "--role", "operate", "--name", "a script")["token"]
    own = (place.home / "token").read_text().strip()
    assert len(links) == 3
    address = links[0].partition("/enter")[0]
    texts = [own, created, *(link.partition("code=")[2] for link in links)]
    with httpx2.Client(base_url=address, timeout=20, trust_env=False) as client:
        for link in links:
            entered = client.get(link)
            assert entered.status_code == 303
            assert client.get(link).status_code == 403
            texts.append(entered.headers["set-cookie"].partition(";")[0].partition("=")[2])
        client.cookies.clear()
        for token in (own, created):
            headers = {"authorization": f"Bearer {token}"}
            assert client.get("/api/me", headers=headers).status_code == 200
            assert client.get("/api/me", headers={**headers, "host": "evil.example"}).status_code == 421
            assert client.post("/api/tasks", headers=headers, json={"prompt": "x", "agent": "local"}).status_code == 201
            client.post("/api/tasks", headers=headers, content=b"\xff", params={"token": token})
    secrets = [text.split("_", 2)[2].encode() for text in texts]
    assert len(set(secrets)) == 8
    assert not [secret for secret in secrets for name in ("cmdline", "environ") if secret in _fact(pid, name)]
    assert place.ez("down").code == 0
    holding = {
        (path.name, number)
        for path in place.home.rglob("*")
        if path.is_file()
        for number, secret in enumerate(secrets)
        if secret in path.read_bytes()
    }
    assert holding == {("token", 0)}
    assert list(place.home.glob("host-*.log"))


def _fact(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def test_without_a_dashboard_nothing_listens(place: Place) -> None:
    """`--no-dashboard` opens no port, prints no link and makes no token; `ez open` leaves with 3
    and says what to do.
    """
    up = place.ez("up", "--detach", "--no-dashboard")
    assert up.code == 0
    assert "http" not in up.err
    assert _listening_ports(int(up.out)) == set()
    assert not (place.home / "token").exists()
    opened = place.ez("open")
    assert (opened.code, opened.out) == (3, "")
    assert "without a dashboard" in opened.error
    assert place.ez("down").code == 0
    assert place.ez("open").code == 3


def test_a_host_that_may_not_listen_does_not_start(place: Place) -> None:
    """A chosen port that is taken, and an address that others reach without TLS, end `ez up` with 2 and the way out."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for arguments, environ, words in (
            (("--port", str(port)), {}, (str(port), "--port", "--no-dashboard")),
            ((), {"EZ_BIND": "0.0.0.0"}, ("0.0.0.0", "tls_cert", "behind_proxy")),
        ):
            for detach in ((), ("--detach",)):
                refused = place.ez("up", *detach, *arguments, **environ)
                assert refused.code == 2, refused.err
                assert all(word in refused.error for word in words)
    assert not place.processes()


def test_a_file_of_the_workspace_cannot_open_the_fleet_to_others(place: Place) -> None:
    """`ezaigents.toml` that says `bind`, or whom to trust as a proxy, is refused until the user trusts it."""
    for line in ('bind = "0.0.0.0"', 'behind_proxy = "https://evil.example"', 'tls_cert = "x"', 'dashboard = "on"'):
        place.write("ezaigents.toml", f"{line}\n")
        refused = place.ez("up", "--detach")
        assert refused.code == 2, line
        assert "trust" in refused.error


def test_what_is_taken_back_ends_at_once(place: Place) -> None:
    """`ez token revoke` ends a token and a session of a running host at the next request; the list
    shows who is left.
    """
    place.up()
    opened = place.json("open")
    created = place.json("token", "create", "--role", "read", "--name", "a script", "--days", "1")
    with httpx2.Client(base_url=opened["address"], timeout=20, trust_env=False) as client:
        client.get(opened["link"])
        headers = {"authorization": f"Bearer {created['token']}"}
        assert client.get("/api/me", headers=headers).json()["role"] == "read"
        session = client.get("/api/me").json()["id"]
        rows = {row["id"]: row["kind"] for row in place.json("token", "list")["tokens"]}
        assert (rows[created["id"]], rows[session]) == ("token", "session")
        assert place.ez("token", "revoke", created["id"], session).code == 0
        assert client.get("/api/me", headers=headers).status_code == 401
        assert client.get("/api/me").status_code == 401
    assert place.ez("token", "revoke", session).code == 1


def test_a_fleet_starts_although_no_link_can_be_made(place: Place) -> None:
    """What keeps a link from being printed keeps no task from being done; it is said at the start."""
    place.home.mkdir(mode=0o700)
    (place.home / "access").write_text("in the way")
    up = place.ez("up", "--detach")
    assert up.code == 0
    assert "no link to the dashboard" in up.err
