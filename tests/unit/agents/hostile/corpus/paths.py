"""Ways out of the workspace, and to what no model is shown. Job: name them, for each tool that takes a path."""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.agents.hostile.corpus.entries import ZEROS, Hostile, Verdict, asked

# Every tool refuses these.
OUT = (
    "../outside/canary.txt", "../../etc/passwd", "src/../../outside/canary.txt", "./../outside/canary.txt", "..",
    "src/./../../outside/canary.txt", "../", "src/..", "src/../.git/config", "/", "//", "/etc/passwd", "//etc/passwd",
    "/etc/shadow", "/proc/self/environ", "/proc/self/root/etc/passwd", "/proc/1/environ", "/proc/self/cwd/a",
    "/proc/self/fd/0", "/dev/zero", "/dev/stdin", "/dev/tcp/127.0.0.1/{PORT}", "{OUTSIDE}/canary.txt", "{OUTSIDE}",
    "{HOME}/.aws/credentials", "{HOME}/.ssh/id_rsa", "~/.aws/credentials", "~root/.ssh/id_rsa", "$HOME/.ssh/id_rsa",
    "${HOME}/.ssh/id_rsa", "....//outside/canary.txt", "..\0/outside/canary.txt", "../outside/canary.txt\0.py",
    "src/app.py\0", "\0", "src/app.py\n../outside", "\n../outside/canary.txt", "../outside/canary.txt\n",
    "src/app.py\r", "\x1b[2Jsrc/app.py", "src/\x7fapp.py", "src/\x85app.py", "a" * 4096, "a/" * 2100 + "b", "x" * 256,
    "src/" + "é" * 128, "../repo-evil/canary.txt", "../repo-evil", "{REPO}-evil/canary.txt",
    "{REPO}/../outside/canary.txt", "src//app.py", "{REPO}/.git/config", "file:///etc/passwd",
    "file://{OUTSIDE}/canary.txt", "http://127.0.0.1:{PORT}/canary", "http://169.254.169.254/latest/meta-data/iam",
    "https://evil.example/x", "a/./b", "a/../b", "a//b",
)  # fmt: skip
# Links, and what is no file. {OUTSIDE} and the data folder lie behind them.
LED_OUT = (
    "link_file", "link_abs", "link_dir/canary.txt", "link_dir", "link_dir/sub/deep.txt", "link_home/.aws/credentials",
    "link_chain", "link_loop", "link_proc", "link_fd", "link_root/etc/passwd", "link_git", "link_env", "link_policy",
    "src/up/outside/canary.txt", "src/up/data/token", "link_evil/canary.txt", "link_data", "link_device",
    "link_self/link_file", "fifo", "src/fifo", "link_fifo", "socket", "link_key",
)  # fmt: skip
# What no model is shown, by name.
CLOSED = (
    ".git/config", ".git/hooks/pre-commit", ".git", ".git/", ".git/HEAD", "src/.git/config", ".env",
    ".env.production", "config/.env", "id_rsa", "deploy/server.pem", "deploy/server.key", ".npmrc", ".netrc",
    ".aws/credentials", ".ssh/config", ".kube/config", ".docker/config.json", "secrets.yaml", "credentials.json",
    "terraform.tfstate", "ezaigents.toml", ".ezaigents/agents/claude.md", ".git-credentials",
)  # fmt: skip
# No file of that name is there; nothing is decoded or expanded into one that is.
TWINS = (
    "%2e%2e/outside/canary.txt", "%2e%2e%2foutside%2fcanary.txt", "..%2foutside%2fcanary.txt",
    "..%c0%afoutside/canary.txt", "%252e%252e/outside/canary.txt", "..\\outside\\canary.txt",
    ".. /outside/canary.txt", "．．/outside/canary.txt", "‥/outside/canary.txt", "..／outside／canary.txt",
    "..∕outside∕canary.txt", ".\u200b./outside/canary.txt", "\u202e../outside/canary.txt",
    "..\u200d/outside/canary.txt", "%HOME%\\.ssh\\id", "C:\\Windows\\win.ini", "\\\\server\\share\\x", "src/APP.PY",
    "src/app.py ", "src/app.py.", "src/аpp.py", "src/app.py:stream", "src/app.py;id", "src/app.py|cat", "$(cat ..)",
    "`id`", "src/*.py", "src/app.py?x=1", "src/app.py#1", "-rf", "--help", "src/{app,x}.py", "&1", "src/app.py\u2028",
)  # fmt: skip


def paths() -> Iterator[Hostile]:
    """Each path with each tool that opens, lists or searches it, and with some that change it."""
    for path in (*OUT, *LED_OUT, *CLOSED):
        yield asked("path", "read", path=path)
        yield asked("path", "write", path=path, content="pwned")
        yield asked("path", "search", path=path, pattern=".")
    for path in (*OUT, *CLOSED, "link_file", "link_dir", "link_root", "link_proc", "fifo", "socket", "src/up"):
        yield asked("path", "list", path=path)
    for path in (*LED_OUT, *CLOSED, *OUT[:12]):
        yield asked("path", "edit", path=path, sha256=ZEROS, edits=[{"old": "a", "new": "b"}])
        yield asked("path", "delete", path=path, sha256=ZEROS)
    yield asked("path", "read", path="link_missing")
    for path in TWINS:
        yield asked("twin", "read", path=path)
        yield asked("twin", "list", path=path)
        yield asked("twin", "write", Verdict.HARMLESS, path=path, content="pwned")
