"""Writing what git or the fleet would act on. Job: every spelling of the reserved names, there or not."""

from __future__ import annotations

from collections.abc import Iterator

from tests.unit.agents.hostile.corpus.entries import Hostile, Verdict, asked

RESERVED = (
    ".git/config", ".git/hooks/pre-commit", ".git/hooks/post-checkout", ".git/info/attributes", ".git/objects/aa/bb",
    ".git/index", ".git/refs/heads/main", ".git/modules/x/config", ".git/worktrees/w/gitdir", "src/.git",
    "new/.git/config", ".GIT/config", ".Git/hooks/pre-commit", ".gIT", ".git./config", ".git /config",
    ".git. . /config", ".git::$INDEX_ALLOCATION/config", ".git:config", ".git\\config", ".git\u200c/config",
    ".g\u200dit/config", ".\ufeffgit/config", ".gi\u206at/hooks/pre-commit", "git~1/config", "GIT~1/hooks/pre-commit",
    ".gitmodules", ".GITMODULES", "src/.gitmodules", ".gitattributes", "src/.gitattributes", ".GitAttributes",
    ".gitattributes.", "gitmod~1", "gitmod~4", "GI7EBA~1", "gitatt~1", "gi7d29~1", ".ezaigents/agents/claude.md",
    ".ezaigents/agents/new.md", ".ezaigents", ".EZAIGENTS/x", "ezaigents.toml", "EzAigents.TOML",
    "sub/ezaigents.toml", "ezaige~1.tom", "ezaige~1/agents/a.md", ".ez-staging/x", "src/.ez-apply.1/app.py",
    "link_gitdir/config", "link_gitdir/hooks/pre-commit", "link_policy", "link_self/.git/config",
)  # fmt: skip
_HOOK = "#!/bin/sh\ntouch {OUTSIDE}/pwned\n"
_HARMLESS_NAMES = (
    "src\\.git\\config", "git/config", "dot.git/config", ".github/workflows/x.yml", ".gitignore",
    ".githooks/pre-commit", "conftest.py", "setup.py", "Makefile", ".pre-commit-config.yaml", ".vscode/tasks.json",
    ".envrc.example", "package.json",
)  # fmt: skip


def protected() -> Iterator[Hostile]:
    """Written, moved to, and moved away."""
    for path in RESERVED:
        yield asked("protected", "write", path=path, content=_HOOK)
        yield asked("protected", "rename", path="src/app.py", to=path, sha256="{APP}")
    for path in RESERVED[::3]:
        yield asked("protected", "rename", path=path, to="src/taken.py", sha256="0" * 64)
        yield asked("protected", "delete", path=path, sha256="0" * 64)
    # What a person sees in the patch before it is applied; a model may propose it.
    for path in _HARMLESS_NAMES:
        yield asked("proposed", "write", Verdict.HARMLESS, path=path, content=_HOOK)
    for path in (
        "../outside/moved.py",
        "/tmp/moved.py",
        "link_dir/moved.py",
        "link_file",
        "src/app.py/x",
        "src",
        "a\0b",
    ):
        yield asked("protected", "rename", path="src/app.py", to=path, sha256="{APP}")
