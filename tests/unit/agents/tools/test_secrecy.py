"""What no model is shown."""

from __future__ import annotations

import pytest
from tests.unit.agents.tools.desk import Desk, use

from ezaigents.agents.tools import Toolbox, why_closed

_CLOSED = (
    ".env", ".ENV", "a/.env.local", "prod.env", "id_rsa", "x/id_ed25519", "id_rsa.bak", "tls.pem", "server.key",
    "a.p12", ".netrc", ".npmrc", ".pypirc", ".git-credentials", ".aws/config", ".ssh/known_hosts", ".kube/config",
    "secrets.yaml", "credentials.json", "credentials", "service-account-1.json", "terraform.tfstate",
    ".docker/config.json", ".pgpass", ".git", ".git/config", "sub/.git/HEAD", ".GIT/config", ".git./config",
    "git~1/config", ".ezaigents/agents/a.md", "ezaigents.toml", "/etc/passwd", "a/../b", "a\nb", "a\x1b[2Jb",
    "x" * 256,
)  # fmt: skip
_OPEN = (
    "src/app.py", ".gitignore", ".gitattributes", ".gitmodules", ".env.example", "id_rsa.pub", "environment.py",
    "env.py", "keys.py", "credentials.py", ".github/workflows/ci.yml", "secretary.md", "monkey.txt",
    ".docker/Dockerfile", "docs/secrets.md", "~/a", "a b/ü.txt",
)  # fmt: skip


@pytest.mark.parametrize("path", _CLOSED)
def test_closed_names(path: str) -> None:
    """Git's own, the fleet's own, what is named like a secret, and names made to deceive."""
    assert why_closed(path)


@pytest.mark.parametrize("path", _OPEN)
def test_open_names(path: str) -> None:
    """Ordinary work is not in the way, nor are examples and public keys."""
    assert why_closed(path) == ""


def test_what_the_user_named_is_open(desk: Desk) -> None:
    """A file that the user gave to the task may be read by its model; git's own may not."""
    desk.put(".env", "A=canary\n")
    desk.put(".git/config", "canary")
    box = Toolbox(desk, named=[".env", ".git/config"])
    assert "A=canary" in use(box, "read", path=".env").text
    assert "canary" not in use(box, "read", path=".git/config").text


@pytest.mark.parametrize("path", [".env", "./.env", "link", "folder/.env"])
def test_no_tool_tells_a_secret(desk: Desk, box: Toolbox, path: str) -> None:
    """Neither by reading, nor by the difference that a refused change would show, whatever name leads there."""
    desk.put(".env", "canary\n")
    desk.put("open.txt", "can be seen\n")
    (desk.workspace / "link").symlink_to(".env")
    (desk.workspace / "folder").symlink_to(".")
    for outcome in (
        use(box, "read", path=path),
        use(box, "write", path=path, content="x"),
        use(box, "edit", path=path, sha256="0" * 64, edits=[{"old": "a", "new": "b"}]),
        use(box, "search", pattern="canary", path=path),
        use(box, "search", pattern="can.*"),
    ):
        assert "canary" not in outcome.text.replace("'canary'", "")
    assert "open.txt:1: can be seen" in use(box, "search", pattern="can.*").text
    assert ".env  7 bytes  (closed)" in use(box, "list").text
