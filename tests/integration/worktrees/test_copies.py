"""A working copy: what is in it, what was changed in it, and what becomes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.integration.sandbox.inside import settled
from tests.integration.worktrees.grounds import Grounds, files_of
from tests.leaks import run

from ezaigents.errors import InputError
from ezaigents.worktrees import CopyChanges

AS_IT_IS = {
    ".gitignore": "build/\nforced\n",
    "a.py": "two\n",
    "forced": "f\n",
    "link": "-> a.py",
    "src/b.py": "b\n",
    "src/new.py": "new\n",
}


def test_a_copy_is_the_workspace_as_it_is_now(repository: Grounds) -> None:
    """Uncommitted, untracked and deleted files count; ignored ones do not; tracked links and modes are kept."""
    (repository.workspace / "src" / "b.py").chmod(0o755)
    before = files_of(repository.workspace)
    status = repository.git("status", "--porcelain")

    async def story() -> None:
        worktrees = repository.worktrees()
        copy = await worktrees.open("t1", 7)
        assert (copy.note, files_of(copy.path)) == ("", AS_IT_IS)
        assert (copy.path / "src" / "b.py").stat().st_mode & 0o777 == 0o755
        assert (copy.path / "a.py").stat().st_mode & 0o777 == 0o644
        assert await worktrees.changes(copy) == CopyChanges()
        assert await worktrees.close(copy) is None

    run(settled(story()))
    assert files_of(repository.workspace) == before
    assert repository.git("status", "--porcelain") == status
    assert repository.git("worktree", "list").count("\n") == 1
    assert repository.left() == ["kept"]


def test_a_plain_folder_is_copied(grounds: Grounds) -> None:
    """Without git the same holds: files that are not ignored, no hard links, no links."""
    grounds.write({"a": "1", "d/b": "2", ".gitignore": "skip", "skip": "x"})
    (grounds.workspace / "link").symlink_to("/etc/passwd")

    async def story() -> None:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 7)
        assert (copy.note, files_of(copy.path)) == ("", {"a": "1", "d/b": "2", ".gitignore": "skip"})
        assert (copy.path / "a").stat().st_nlink == 1
        assert (copy.path / "a").stat().st_ino != (grounds.workspace / "a").stat().st_ino
        await worktrees.close(copy)

    run(settled(story()))


def test_the_attempts_own_changes_are_in_the_copy(repository: Grounds) -> None:
    """What is wanted stands in the place of the workspace's files, with the mode that is asked for or was there."""

    async def story() -> None:
        worktrees = repository.worktrees()
        wanted = {"a.py": b"three\n", "src/b.py": None, "deep/x/y": (b"run\n", 0o755)}
        copy = await worktrees.open("t1", 7, wanted)
        expected = {**AS_IT_IS, "a.py": "three\n", "deep/x/y": "run\n"}
        del expected["src/b.py"]
        assert files_of(copy.path) == expected
        assert (copy.path / "deep/x/y").stat().st_mode & 0o777 == 0o755
        assert (await worktrees.changes(copy)).is_empty
        await worktrees.bring_up_to_date(copy, {})
        assert files_of(copy.path) == AS_IT_IS
        assert not (copy.path / "deep").exists()
        await worktrees.close(copy)

    run(settled(story()))


def test_changes_are_told(repository: Grounds) -> None:
    """Known files changed or deleted, with content and mode; new ones by name; ignored ones not at all."""

    async def story() -> None:
        worktrees = repository.worktrees(file_bytes=100)
        copy = await worktrees.open("t1", 7)
        (copy.path / "a.py").write_text("changed\n")
        (copy.path / "src" / "b.py").chmod(0o755)
        (copy.path / "src" / "new.py").unlink()
        (copy.path / "link").unlink()
        (copy.path / "link").symlink_to("/etc/passwd")
        (copy.path / "forced").write_bytes(bytes(101))
        (copy.path / "made").write_text("x")
        (copy.path / "build").mkdir()
        (copy.path / "build" / "out").write_text("x")
        changes = await worktrees.changes(copy)
        assert {one.path: (one.content, one.mode) for one in changes.changed} == {
            "a.py": (b"changed\n", 0o644),
            "src/b.py": (b"b\n", 0o755),
            "src/new.py": (None, 0),
        }
        assert changes.new == ("made",)
        assert await worktrees.content(copy, "made") == (b"x", 0o644)
        assert [await worktrees.content(copy, path) for path in ("forced", "link", "build", "nowhere")] == [None] * 4
        assert [path for path, _ in changes.left_out] == ["forced", "link"]
        await worktrees.bring_up_to_date(copy, {})
        assert (await worktrees.changes(copy)).is_empty
        assert files_of(copy.path) == {**AS_IT_IS, "build/out": "x"}
        await worktrees.close(copy)

    run(settled(story()))


def test_a_change_that_hides_its_time_is_told(grounds: Grounds) -> None:
    """Size and modification time can be made to look as before; the content is looked at all the same."""
    grounds.write({"a": "1234"})

    async def story() -> None:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 7)
        facts = (copy.path / "a").stat()
        (copy.path / "a").write_text("5678")
        os.utime(copy.path / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert [one.content for one in (await worktrees.changes(copy)).changed] == [b"5678"]
        await worktrees.taken(copy)
        await worktrees.close(copy)

    run(settled(story()))


def test_a_copy_follows_the_workspace(grounds: Grounds) -> None:
    """Brought up to date it has what was changed, made and deleted there since."""
    grounds.write({"a": "1", "b": "2"})

    async def story() -> None:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 7)
        grounds.write({"a": "3", "c/d": "4"})
        (grounds.workspace / "b").unlink()
        await worktrees.bring_up_to_date(copy, {})
        assert files_of(copy.path) == {"a": "3", "c/d": "4"}
        (grounds.workspace / "a").unlink()
        (grounds.workspace / "a").mkdir()
        grounds.write({"a/inner": "5"})
        await worktrees.bring_up_to_date(copy, {})
        assert files_of(copy.path) == {"a/inner": "5", "c/d": "4"}
        await worktrees.close(copy)

    run(settled(story()))


@pytest.mark.parametrize("swapped", ["d", "d/e"])
def test_links_that_a_command_made_lead_the_host_nowhere(grounds: Grounds, tmp_path: Path, swapped: str) -> None:
    """A folder swapped for a link out of the copy is replaced; nothing behind it is read, written or deleted."""
    outside = tmp_path / "outside"
    (outside / "e").mkdir(parents=True)
    for name in ("f", "e/f", "extra"):
        (outside / name).write_text("canary")
    grounds.write({"d/f": "1", "d/e/f": "2"})

    async def story() -> None:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 7)
        (copy.path / swapped).rename(copy.path / "aside")
        (copy.path / swapped).symlink_to(outside if swapped == "d" else outside / "e")
        changes = await worktrees.changes(copy)
        assert b"canary" not in [one.content for one in changes.changed]
        assert not any("extra" in name for name in changes.new)
        await worktrees.bring_up_to_date(copy, {"d/e/f": b"3"})
        assert files_of(copy.path) == {"d/f": "1", "d/e/f": "3"}
        (copy.path / "d" / "e" / "f").unlink()
        (copy.path / "d" / "e").rmdir()
        (copy.path / "d" / "e").symlink_to(outside)
        await worktrees.bring_up_to_date(copy, {"d/e/f": None})
        await worktrees.taken(copy)
        await worktrees.close(copy)

    run(settled(story()))
    assert files_of(outside) == {"f": "canary", "e/f": "canary", "extra": "canary"}


def test_a_fifo_in_the_copy_holds_nobody_up(grounds: Grounds) -> None:
    """What is no file is not read; it is told, and replaced."""
    grounds.write({"a": "1"})

    async def story() -> None:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 7)
        (copy.path / "a").unlink()
        os.mkfifo(copy.path / "a")
        assert [path for path, _ in (await worktrees.changes(copy)).left_out] == ["a"]
        await worktrees.bring_up_to_date(copy, {})
        assert files_of(copy.path) == {"a": "1"}
        await worktrees.close(copy)

    run(settled(story()))


@pytest.mark.parametrize("how", ["changed", "deleted", "new"])
def test_work_that_nobody_took_is_kept(repository: Grounds, how: str) -> None:
    """A copy that differs from how it was left is moved aside when it is closed, with everything in it."""

    async def story() -> None:
        worktrees = repository.worktrees()
        copy = await worktrees.open("t1", 7)
        if how == "changed":
            (copy.path / "a.py").write_text("work")
        elif how == "deleted":
            (copy.path / "a.py").unlink()
        else:
            (copy.path / "made").write_text("work")
        expected = files_of(copy.path)
        where = await worktrees.close(copy)
        assert where == repository.home / "worktrees" / "kept" / "t1-7"
        assert files_of(where) == expected
        assert "?? src/new.py" in repository.git("status", "--porcelain", cwd=where)
        again = await worktrees.open("t1", 7)
        (again.path / "a.py").write_text("other work")
        assert await worktrees.close(again) == where.with_name("t1-7.2")
        assert (await worktrees.tidy()).kept == (where, where.with_name("t1-7.2"))
        assert files_of(where) == expected

    run(settled(story()))


def test_work_that_was_taken_is_not_kept(repository: Grounds) -> None:
    """Once its changes are said to be kept elsewhere, the copy is taken away, until there are others."""

    async def story() -> None:
        worktrees = repository.worktrees()
        copy = await worktrees.open("t1", 7)
        (copy.path / "a.py").write_text("work")
        (copy.path / "made").write_text("work")
        await worktrees.taken(copy)
        assert (await worktrees.changes(copy)).is_empty
        assert await worktrees.close(copy) is None

    run(settled(story()))
    assert repository.left() == ["kept"]


def test_a_copy_that_its_owner_may_not_read_is_taken_away(grounds: Grounds) -> None:
    """Permissions that a command took away do not keep the copy."""
    grounds.write({".gitignore": "build/\n", "a": "1"})

    async def story() -> None:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 7)
        deep = copy.path / "build" / "deep"
        deep.mkdir(parents=True)
        (deep / "file").write_text("x")
        deep.chmod(0)
        deep.parent.chmod(0o500)
        assert await worktrees.close(copy) is None

    run(settled(story()))
    assert grounds.left() == ["kept"]


@pytest.mark.parametrize("task", ["", "..", "a/b", "a\0", "-x", "x" * 200])
def test_only_an_id_names_a_copy(grounds: Grounds, task: str) -> None:
    """No path is made of anything else."""

    async def story() -> None:
        with pytest.raises(InputError):
            await grounds.worktrees().open(task, 1)

    run(settled(story()))


def test_names_that_are_not_utf8_are_names_like_any_other(grounds: Grounds) -> None:
    """A file and a link of such names are copied, remembered on the disk, and known again by the next process."""
    odd = os.fsdecode(b"caf\xe9 \\u.txt")
    grounds.write({odd: "1", "a": "2"})

    async def story() -> None:
        worktrees = grounds.worktrees()
        copy = await worktrees.open("t1", 7)
        assert files_of(copy.path) == {odd: "1", "a": "2"}
        os.close(copy._hold)  # as if the host had died
        tidied = await grounds.worktrees().tidy()
        assert (tidied.removed, tidied.moved) == (("t1-7",), ())

    run(settled(story()))


def test_closed_files_are_not_in_the_copy(repository: Grounds) -> None:
    """What no model is shown is not there, whether git knows it or not, and not after an update either."""
    repository.write({".env": "secret", "src/.env": "secret"})
    repository.git("add", "-f", ".env")
    repository.git("commit", "-q", "-m", "secret")

    async def story() -> None:
        worktrees = repository.worktrees()
        copy = await worktrees.open("t1", 7, closed=lambda path: path.endswith(".env"))
        assert files_of(copy.path) == AS_IT_IS
        repository.write({"new.env": "secret", "more": "m"})
        await worktrees.bring_up_to_date(copy, {})
        assert files_of(copy.path) == {**AS_IT_IS, "more": "m"}
        assert await worktrees.close(copy) is None

    run(settled(story()))


def test_a_copy_that_is_disowned_is_deleted_whatever_was_done_in_it(grounds: Grounds) -> None:
    """A check may leave anything behind: nobody wants it, also where its host died."""
    grounds.write({"a": "1"})

    async def story() -> None:
        worktrees = grounds.worktrees()
        for dies in (False, True):
            copy = await worktrees.open("t1", 7)
            await worktrees.disown(copy)
            (copy.path / "a").write_text("changed")
            (copy.path / "b").write_text("new")
            if dies:
                os.close(copy._hold)
                assert (await grounds.worktrees().tidy()).removed == ("t1-7",)
            else:
                assert await worktrees.close(copy) is None

    run(settled(story()))
    assert grounds.left() == ["kept"]
