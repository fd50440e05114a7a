"""`ez legacy` as a user types it: options, passwords, TLS, servers that are none, and the whole way there and back."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import redis_program
from tests.integration.cli.installed import WITHIN_S, Place, collect_orphans, read_until, wait_until
from tests.integration.legacy.old import Old, entry


@pytest.fixture(scope="module", autouse=True)
def _orphans_are_collected() -> None:
    collect_orphans()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A workspace with one file; whatever a test leaves running fails it."""
    made = Place(tmp_path)
    made.write("a.js", "x")
    yield made
    made.ez("down")
    left = made.clear()
    assert not left, f"left running: {left}"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A workspace in which nothing is ever started."""
    return Place(tmp_path_factory.mktemp("bare"))


def test_there_and_back(old: Old, place: Place) -> None:
    """Look, import, bridge, go back: each step does what it says, and nothing is done without --yes."""
    old.push("queue:gpt-4o", entry("one"), entry("two"), b"{broken")
    looked = place.ez("legacy", "import", "--from", old.url)
    assert looked.code == 1
    assert "queue:gpt-4o" in looked.out
    assert "not JSON" in looked.out
    assert "2 tasks would be imported; add --yes" in looked.err
    refused = place.ez("legacy", "import", "--from", old.url, "--yes")
    assert (refused.code, "ez up" in refused.error) == (3, True)
    place.up("--sim", "--no-dashboard")
    place.ez("pause")
    done = place.ez("legacy", "import", "--from", old.url, "--yes", "--delete-imported", "--json")
    assert json.loads(done.out)["handed_in"] == 2
    with place.begin("legacy", "bridge", "--from", old.url, "--json") as bridge:
        read_until(bridge.stderr, "taking tasks from")
        old.push("queue:claude-3-opus", entry("three"))
        wait_until(lambda: len(place.json("tasks")["tasks"]) == 3, "the third task is here")
        second = place.ez("legacy", "bridge", "--from", old.url)
        assert (second.code, "another `ez legacy`" in second.error) == (2, True)
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(WITHIN_S) == 0
        assert bridge.stdout is not None
        assert json.loads(bridge.stdout.read())["left"] == 1
    assert "3 tasks would go back" in place.ez("legacy", "rollback", "--to", old.url).err
    assert place.ez("legacy", "rollback", "--to", old.url, "--yes").code == 0
    assert old.all("queue:gpt-4o") == [entry("one"), entry("two")]
    assert old.all("queue:claude-3-opus") == [entry("three")]
    assert {task["state"] for task in place.json("tasks")["tasks"]} == {"cancelled"}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ((), 2, "import, bridge or rollback"),
        (("import",), 2, "--from"),
        (("import", "--from", "http://x"), 2, "--from: takes redis://"),
        (("import", "--from", "redis-sentinel://x"), 2, "not supported"),
        (("import", "--from", "redis://127.0.0.1:1"), 3, "check --from, and that the server runs"),
        (("import", "--from", "redis://no.such.host.invalid"), 3, "no old server answers"),
        (("rollback", "--to", "redis://127.0.0.1:1"), 3, ""),
        (("import", "--from", "redis://127.0.0.1:1", "--map", "x"), 2, "QUEUE=AGENT"),
        (("import", "--from", "redis://127.0.0.1:1", "--yes", "--dry-run"), 2, "exclude"),
        (("import", "--from", "redis://127.0.0.1:1", "--delete-imported"), 2, "--yes"),
        (("import", "--from", "redis://127.0.0.1:1", "--tls-ca", "/nowhere"), 2, "cannot be read"),
        (("import", "--from", "redis://127.0.0.1:1", "--password-file", "/nowhere"), 2, "cannot be read"),
    ],
)
def test_usage_and_servers_that_are_not_there(bare: Place, args: tuple[str, ...], code: int, words: str) -> None:
    """One line that names the option and the way out."""
    done = bare.ez("legacy", *args)
    assert done.code == code
    assert words in done.error


def test_what_answers_may_be_no_redis(bare: Place) -> None:
    """A server of another kind is named as such."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    done = bare.ez("legacy", "import", "--from", f"redis://127.0.0.1:{listener.getsockname()[1]}")
    thread.join(5)
    listener.close()
    assert done.code in (2, 3)
    assert "--from" in done.error


def test_passwords(old: Old, place: Place) -> None:
    """Without and with the wrong one it says so; the right one is taken from a file, from standard input and from the
    URL, and is never shown."""
    old.call("CONFIG", "SET", "requirepass", "geheim")
    command = ("legacy", "import", "--from", old.url, "--json")
    file = place.workspace / "password"
    for wrong in (place.ez(*command), place.feed(b"falsch\n", *command, "--password-file", "-")):
        assert wrong.code == 2
        assert "--password-file" in wrong.error
    file.write_text("geheim\n")
    assert place.ez(*command, "--password-file", str(file)).code == 0
    assert place.feed(b"geheim\n", *command, "--password-file", "-").code == 0
    in_url = old.url.replace("unix://", "unix://:geheim@")
    done = place.ez("legacy", "import", "--from", in_url, "--json")
    assert done.code == 0
    assert "can be seen" in done.err
    assert "geheim" not in done.out + done.err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl on PATH")
def test_tls(place: Place, tmp_path: Path) -> None:
    """A server behind TLS is reached with the file of its authority, and refused without, saying so."""
    program = redis_program()
    if program is None:
        pytest.skip("needs redis-server on PATH")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-keyout", str(key), "-out", str(cert), "-subj", "/CN=old", "-addext",
            "subjectAltName=IP:127.0.0.1",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path / "tls"
    folder.mkdir()
    options = ("--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert)
    old = Old(folder, program, (*map(str, options), "--tls-auth-clients", "no"))
    try:
        old.push("queue:gpt-4o", entry())
        url = f"rediss://127.0.0.1:{port}"
        done = place.ez("legacy", "import", "--from", url, "--tls-ca", str(cert), "--json")
        assert (done.code, json.loads(done.out)["tasks"]) == (0, 1)
        untrusted = place.ez("legacy", "import", "--from", url)
        assert (untrusted.code, "--tls-ca FILE" in untrusted.error) == (2, True)
        assert place.ez("legacy", "import", "--from", old.url, "--tls-ca", str(cert)).code == 2
    finally:
        old.stop()
