"""Repositories of every kind, and those that mean harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.sandbox.inside import settled
from tests.integration.worktrees.grounds import Grounds, files_of
from tests.leaks import run

from ezaigents.worktrees import WorkingCopy


def _opened(grounds: Grounds) -> str:
    """Open a copy, see that it is the workspace, close it; the note."""

    async def story() -> WorkingCopy:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 1)
        expected = {path: text for path, text in files_of(grounds.workspace).items() if "/.git" not in path}
        assert files_of(copy.path) == expected
        assert await worktrees.close(copy) is None
        return copy

    return run(settled(story())).note


def _committed(grounds: Grounds, *init: str) -> None:
    grounds.write({"a": "1", "d/b": "2"})
    grounds.git("init", "--quiet", *init)
    grounds.git("add", ".")
    grounds.git("commit", "--quiet", "-m", "first")


def test_an_ordinary_repository(grounds: Grounds) -> None:
    """It is shared from, on a branch, on a packed one and on none."""
    _committed(grounds)
    assert _opened(grounds) == ""
    grounds.git("pack-refs", "--all")
    grounds.git("gc", "--quiet")
    assert _opened(grounds) == ""
    grounds.git("checkout", "--quiet", "--detach")
    assert _opened(grounds) == ""


def test_a_repository_of_longer_ids(grounds: Grounds) -> None:
    """SHA-256 works as SHA-1 does."""
    _committed(grounds, "--object-format=sha256")
    assert _opened(grounds) == ""


def test_a_repository_without_a_commit(grounds: Grounds) -> None:
    """There is nothing to check out: its files are copied, and it is said why."""
    grounds.write({"a": "1"})
    grounds.git("init", "--quiet")
    assert "no commit" in _opened(grounds)


def test_a_users_own_worktree(grounds: Grounds, tmp_path: Path) -> None:
    """`.git` is a file that points to the repository; its own HEAD counts."""
    _committed(grounds)
    (tmp_path / "two").mkdir()
    grounds.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "two" / "work"))
    second = Grounds(tmp_path / "three", tmp_path / "home2")
    second.workspace = tmp_path / "two" / "work"
    second.write({"only-here": "x"})
    second.git("add", ".")
    second.git("commit", "--quiet", "-m", "second")
    assert _opened(second) == ""


def test_a_shallow_clone(grounds: Grounds, tmp_path: Path) -> None:
    """History that ends early is no hindrance."""
    _committed(grounds)
    grounds.write({"a": "3"})
    grounds.git("commit", "--quiet", "-am", "second")
    shallow = Grounds(tmp_path / "x" / "work", tmp_path / "home2")
    shallow.workspace.rmdir()
    grounds.git("clone", "--quiet", "--depth=1", f"file://{grounds.workspace}", str(shallow.workspace))
    assert _opened(shallow) == ""


def test_a_partial_clone(grounds: Grounds, tmp_path: Path) -> None:
    """What was never fetched is not fetched now: the files that are there are copied."""
    _committed(grounds)
    grounds.git("config", "uploadpack.allowFilter", "true")
    partial = Grounds(tmp_path / "x" / "work", tmp_path / "home2")
    partial.workspace.rmdir()
    source = f"file://{grounds.workspace}"
    grounds.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", source, str(partial.workspace))
    partial.write({"a": "as it is"})
    assert _opened(partial) != ""


def test_submodules_are_left_alone(grounds: Grounds, tmp_path: Path) -> None:
    """What they hold is files of the workspace like any other; git does not go into them."""
    inner = Grounds(tmp_path / "inner", tmp_path / "home2")
    _committed(inner)
    _committed(grounds)
    grounds.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.workspace), "sub")
    grounds.git("commit", "--quiet", "-m", "sub")
    assert _opened(grounds) == ""


@pytest.mark.parametrize("content", ["", "gitdir: /nowhere\n", "nonsense", "gitdir: " + "x" * 9000])
def test_a_git_file_that_points_nowhere(grounds: Grounds, content: str) -> None:
    """The files are copied, and it is said why."""
    grounds.write({"a": "1", ".git": content})
    assert _opened(grounds) != ""


@pytest.mark.parametrize(
    "head", ["", "ref: refs/../../secret", "ref: ../x", "ref: refs/heads/a\nb", "0" * 39, "--help"]
)
def test_a_head_that_is_none(grounds: Grounds, head: str) -> None:
    """Nothing that HEAD says becomes a path or an option."""
    _committed(grounds)
    grounds.write({"secret": grounds.git("rev-parse", "HEAD")})
    (grounds.workspace / ".git" / "HEAD").write_text(head)
    assert _opened(grounds) != ""


def test_a_ring_of_references(grounds: Grounds) -> None:
    """References that name each other end."""
    _committed(grounds)
    heads = grounds.workspace / ".git" / "refs" / "heads"
    (heads / "main").write_text("ref: refs/heads/other\n")
    (heads / "other").write_text("ref: refs/heads/main\n")
    assert "circles" in _opened(grounds)


def test_nothing_that_a_repository_names_is_run(grounds: Grounds, tmp_path: Path) -> None:
    """Hooks, filters, monitors, drivers and includes of its configuration and of its tree leave no trace."""
    canary = tmp_path / "canary"
    touch = f"touch {canary}"
    grounds.write({"a.txt": "1\n", "b.bin": "2\n"})
    grounds.write({".gitattributes": "*.txt filter=evil diff=evil merge=evil\n*.bin filter=lfs -text\n"})
    grounds.write({".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::{touch}\n\tupdate = !{touch}\n'})
    grounds.git("init", "--quiet")
    grounds.git("add", ".")
    grounds.git("commit", "--quiet", "-m", "first")
    hooks = grounds.workspace / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\n{touch}\n")
        (hooks / name).chmod(0o755)
    evil = "\n".join(f"\t{key} = {touch}; cat" for key in ("clean", "smudge", "process"))
    included = grounds.workspace / ".git" / "included"
    included.write_text(f'[filter "evil"]\n{evil}\n\trequired = true\n[filter "lfs"]\n{evil}\n')
    with (grounds.workspace / ".git" / "config").open("a") as config:
        config.write(
            f"[include]\n\tpath = {included}\n[core]\n\thooksPath = {hooks}\n\tfsmonitor = {touch}\n"
            f"\tsshCommand = {touch}\n\tpager = {touch}\n\teditor = {touch}\n"
            f'[diff]\n\texternal = {touch}\n[diff "evil"]\n\ttextconv = {touch}\n\tcommand = {touch}\n'
            f'[merge "evil"]\n\tdriver = {touch}\n[alias]\n\tworktree = !{touch}\n\tls-tree = !{touch}\n'
        )
    assert _opened(grounds) == ""
    assert not canary.exists()


def test_the_users_own_configuration_is_not_read(
    grounds: Grounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither that of the home folder nor what the environment says reaches the host's git."""
    canary = tmp_path / "canary"
    user = tmp_path / "user"
    (user / ".config" / "git").mkdir(parents=True)
    text = f'[core]\n\thooksPath = {tmp_path}/hooks\n[filter "evil"]\n\tsmudge = touch {canary}; cat\n'
    for path in (user / ".gitconfig", user / ".config" / "git" / "config"):
        path.write_text(text)
    (user / ".config" / "git" / "attributes").write_text("* filter=evil\n")
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {canary}\n")
    (tmp_path / "hooks" / "post-checkout").chmod(0o755)
    _committed(grounds)
    environ = {
        "HOME": str(user),
        "XDG_CONFIG_HOME": str(user / ".config"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": str(tmp_path / "hooks"),
        "GIT_DIR": "/nowhere",
        "GIT_WORK_TREE": "/nowhere",
        "GIT_INDEX_FILE": "/nowhere",
        "GIT_EXTERNAL_DIFF": f"touch {canary}",
        "GIT_TRACE": str(canary),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert _opened(grounds) == ""
    assert not canary.exists()


def test_a_link_in_the_tree_leads_the_checkout_nowhere(grounds: Grounds, tmp_path: Path) -> None:
    """A committed link where the workspace now has a folder: its files do not land behind the link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (grounds.workspace / "d").symlink_to(outside)
    grounds.write({"a": "1"})
    grounds.git("init", "--quiet")
    grounds.git("add", ".")
    grounds.git("commit", "--quiet", "-m", "first")
    (grounds.workspace / "d").unlink()
    grounds.write({"d/f": "2"})
    assert _opened(grounds) == ""
    assert list(outside.iterdir()) == []
