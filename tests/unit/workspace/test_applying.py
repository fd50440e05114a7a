"""Applying a proposal to a tree that nobody else writes to meanwhile, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.applies import STORIES, Story, World, state_of

from ezaigents.codec import storable
from ezaigents.errors import EzError, InputError, RetryLater
from ezaigents.workspace import FileRefused, PathOutside
from ezaigents.workspace.applied import IntentDamaged
from ezaigents.workspace.changes import FileChange, FileState, Proposal
from ezaigents.workspace.intent import pending_applies

OLD, NEW = (b"old\n", 0o644), (b"new\n", 0o644)
ONE = Story(before={"file": OLD}, after={"file": NEW})


def new_file(world: World, path: str) -> Proposal:
    return Proposal(changes=(FileChange(path=path, after=world.keep(NEW)),))


@pytest.mark.parametrize("story", STORIES)
def test_the_tree_becomes_what_was_proposed(tmp_path: Path, story: str) -> None:
    """Contents, permissions, new folders and emptied ones are as after `git apply`, and nothing is left over."""
    world = World(tmp_path, STORIES[story])
    applied = world.apply()
    assert (applied.state, applied.conflicts, applied.merged) == ("applied", (), tuple(STORIES[story].merged))
    assert world.tree() == world.after
    assert set(applied.written) == {
        path for path in {*world.before, *world.after} if world.before.get(path) != world.after.get(path)
    }
    assert world.rests() == []
    assert world.lost_originals() == []


@pytest.mark.parametrize("story", STORIES)
def test_applying_twice_changes_nothing_more(tmp_path: Path, story: str) -> None:
    """What is already as proposed needs nothing, whoever did it."""
    world = World(tmp_path, STORIES[story])
    world.apply()
    again = world.apply(world.proposed(world.before, world.after, world.story.renamed), name="t-2")
    assert (again.state, again.written) == ("applied", ())
    assert world.tree() == world.after


@pytest.mark.parametrize(
    ("path", "file", "reason"),
    [
        ("a", (b"theirs\n", 0o644), "was changed since the task read it"),
        ("x/gone", (b"theirs\n", 0o644), "was changed since the task read it"),
        ("y/new", (b"theirs\n", 0o644), "exists already, with other content"),
        ("a", None, "was deleted since the task read it"),
    ],
)
def test_a_conflict_writes_nothing(tmp_path: Path, path: str, file: tuple[bytes, int] | None, reason: str) -> None:
    """A file that is neither as it was read nor as proposed is named with the reason, and no other is touched."""
    world = World(tmp_path, STORIES["small"])
    if file is None:
        (world.root / path).unlink()
    else:
        world.write(path, file)
    tree = world.tree()
    applied = world.apply(merge=False)
    assert (applied.state, applied.conflicts, applied.written) == ("conflict", ((path, reason),), ())
    assert world.tree() == tree
    assert world.rests() == []


def test_a_file_deleted_by_both_is_no_conflict(tmp_path: Path) -> None:
    """What was to be deleted and is gone already is as proposed."""
    world = World(tmp_path, STORIES["small"])
    (world.root / "x" / "gone").unlink()
    assert world.apply().written == ("a", "y/new")


@pytest.mark.parametrize("base", [b"1\n2\n3\n", b"1\n\0\n3\n"], ids=["lines", "binary"])
def test_only_text_is_merged_and_only_cleanly(tmp_path: Path, base: bytes) -> None:
    """Changes of the same lines, or of what is no text, are a conflict also where merging is asked for."""
    ours, theirs = base.replace(b"1", b"ours"), base.replace(b"1" if b"2" in base else b"3", b"theirs")
    world = World(
        tmp_path,
        Story(before={"f": (base, 0o644)}, after={"f": (ours, 0o644)}, theirs={"f": (theirs, 0o644)}),
    )
    [(path, reason)] = world.apply(merge=True).conflicts
    assert path == "f"
    assert ("in the same lines" in reason) == (b"2" in base)
    assert world.tree() == {"f": (theirs, 0o644)}


def test_permissions_they_changed_stay_changed(tmp_path: Path) -> None:
    """A file made private meanwhile stays private, and becomes executable where that was proposed."""
    world = World(tmp_path, Story(before={"f": OLD}, after={"f": (b"new\n", 0o755)}))
    (world.root / "f").chmod(0o600)
    world.apply()
    assert world.tree() == {"f": (b"new\n", 0o711)}


def test_neither_set_user_id_nor_its_kin_is_given(tmp_path: Path) -> None:
    """Only permission bits are taken from a proposal, and only they are kept."""
    world = World(tmp_path, Story(before={"f": OLD}, after={"f": (b"new\n", 0o4755), "g": (b"", 0o6777)}))
    (world.root / "f").chmod(0o4644)
    world.apply()
    assert world.tree() == {"f": (b"new\n", 0o755), "g": (b"", 0o777)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    """A file of somebody else is still theirs when we may write it."""
    world = World(tmp_path, ONE)
    os.chown(world.root / "file", 1234, 2345)
    world.apply()
    facts = (world.root / "file").stat()
    assert (facts.st_uid, facts.st_gid) == (1234, 2345)


def test_a_hard_link_outside_keeps_its_content(tmp_path: Path) -> None:
    """A file is replaced and never written into, so its other names keep what they had."""
    world = World(tmp_path, ONE)
    (tmp_path / "outside").hardlink_to(world.root / "file")
    world.apply()
    assert (tmp_path / "outside").read_bytes() == b"old\n"
    assert world.tree() == world.after


@pytest.mark.parametrize(
    "name",
    ["x" * 255, "new\u00fc \"'\\ name", os.fsdecode(b"\xff\xfe"), "-dash", "%2e%2e", "back\\slash"],
    ids=range(6),
)
def test_any_name_a_file_system_holds(tmp_path: Path, name: str) -> None:
    """The longest names are staged too, and names that are no text are applied as they are, folders' names as well."""
    world = World(tmp_path, Story(before={name: OLD}, after={name: NEW, f"new/{name}/new": NEW}))
    assert world.apply().written == tuple(sorted(map(storable, (name, f"new/{name}/new"))))
    assert world.tree() == world.after
    stop_at(world, f"stage again/{name}/new", new_file(world, storable(f"again/{name}/new")))
    assert world.recover() is None
    assert world.tree() == world.after


@pytest.mark.parametrize("path", ["file", "sub/file", "new"])
def test_a_link_is_a_conflict(tmp_path: Path, path: str) -> None:
    """No link is followed or replaced: not at the target, and not on the way to it."""
    world = World(
        tmp_path, Story(before={"file": OLD, "sub/file": OLD}, after={"file": NEW, "sub/file": NEW, "new": NEW})
    )
    outside = tmp_path / "outside"
    (world.root / "sub").rename(outside)
    (outside / "target").write_bytes(b"old\n")
    (world.root / "sub").mkdir()
    (world.root / "sub" / "file").write_bytes(b"old\n")
    if path == "sub/file":
        (world.root / "sub" / "file").unlink()
        (world.root / "sub").rmdir()
        (world.root / "sub").symlink_to(outside)
    else:
        (world.root / path).unlink(missing_ok=True)
        (world.root / path).symlink_to(outside / "target")
    tree = world.tree()
    [(conflict, reason)] = world.apply().conflicts
    assert conflict == path
    assert "is a symbolic link" in reason
    assert world.tree() == tree
    assert (outside / "file").read_bytes() == (outside / "target").read_bytes() == b"old\n"


@pytest.mark.parametrize("path", ["folder", "fifo", "plain/below"])
def test_what_is_no_file_is_a_conflict(tmp_path: Path, path: str) -> None:
    """A folder, a FIFO, or a file where a folder is needed: named, not waited for, not replaced."""
    world = World(tmp_path, Story(before={"folder/f": OLD, "plain": OLD}, after={"folder/f": OLD, "plain": OLD}))
    os.mkfifo(world.root / "fifo")
    [(conflict, _)] = world.apply(new_file(world, path)).conflicts
    assert conflict == path


@pytest.mark.parametrize(
    "path",
    [".git/config", "sub/.GIT/hooks/pre-commit", ".gitattributes", "ezaigents.toml", ".ez-t-1/0", "a/.ez-x/b", "../out",
     "/etc/passwd", "a//b", "", "a/./b", "nul\0"],
)  # fmt: skip
def test_hostile_names_are_refused(tmp_path: Path, path: str) -> None:
    """A record of changes from anywhere writes no protected name and nothing outside, also by a rename from there."""
    world = World(tmp_path, ONE)
    kept = world.keep(NEW)
    changes = [FileChange(path=path, after=kept)]
    if path:
        changes.append(FileChange(path="ok", renamed_from=path, before=kept, after=kept))
    for change in changes:
        with pytest.raises(InputError):
            world.apply(Proposal(changes=(change,)))
    assert world.tree() == world.before
    assert not (tmp_path / "out").exists()
    assert world.rests() == []


@pytest.mark.parametrize(
    "changes",
    [
        lambda kept: [FileChange(path="a", after=msgspec.structs.replace(kept, sha256="../../file"))],
        lambda kept: [FileChange(path="a", after=kept), FileChange(path="a", after=kept)],
        lambda _: [FileChange(path="a", after=state_of((b"no such blob", 0o644)))],
        lambda kept: [FileChange(path="a", after=msgspec.structs.replace(kept, size_bytes=0))],
        lambda kept: [FileChange(path="\\uzzzz", after=kept)],
    ],
)
def test_damaged_records_are_refused(tmp_path: Path, changes: Callable[[FileState], list[FileChange]]) -> None:
    """A hash that is none, a path named twice, a content that is gone: an error, and the tree as it was."""
    world = World(tmp_path, ONE)
    with pytest.raises(FileRefused):
        world.apply(Proposal(changes=tuple(changes(world.keep(NEW)))))
    assert world.tree() == world.before
    assert world.rests() == []


def test_a_damaged_content_is_not_applied(tmp_path: Path) -> None:
    """What is staged is what was proposed, or nothing is: contents are hashed once more on their way."""
    world = World(tmp_path, STORIES["edits"])
    (world.blobs / state_of(world.after["sub/a"]).sha256).write_bytes(b"no longer EMPTY")
    with pytest.raises(FileRefused, match="damaged"):
        world.apply()
    assert world.tree() == world.before
    assert world.rests() == []


def test_the_data_folder_is_refused(tmp_path: Path) -> None:
    """The data folder is closed even inside the workspace, whatever it is called."""
    world = World(tmp_path, Story(before={"data/token": OLD, "data/sub/t": OLD}, after={}))
    hidden = world.root / "data"
    for path in ("data/new", "data/sub/new", "data/token"):
        with pytest.raises(PathOutside, match="data folder"):
            world.apply(new_file(world, path), hidden=hidden)
    assert world.tree() == world.before
    assert world.apply(new_file(world, "data2/new"), hidden=hidden).state == "applied"


def test_a_lost_lease_stops_an_apply(tmp_path: Path) -> None:
    """Leases are asked for before the intent and before each exchange; lost before the first, nothing was changed."""
    asked: list[int] = []

    def may_write() -> None:
        asked.append(len(asked))
        if len(asked) == lost:
            raise RetryLater("lost")

    for lost in range(1, 6):
        world = World(tmp_path / str(lost), STORIES["small"])
        asked.clear()
        if lost == 5:
            assert world.apply(may_write=may_write).state == "applied"
            break
        with pytest.raises(RetryLater, match="lost"):
            world.apply(may_write=may_write)
        assert (world.tree() == world.before) == (world.rests() == []) == (lost <= 2)
        recovered = world.recover()
        assert (recovered and recovered.state) == (None if lost <= 2 else "applied")
    assert len(asked) == 4, "one for the intent and one for each of three exchanges"


def test_pending_applies_are_listed_and_recovered(tmp_path: Path) -> None:
    """What was left behind is found with its tag and its paths, and is gone after its recovery."""
    world = World(tmp_path, STORIES["small"])
    assert pending_applies(world.applies) == []
    stop_at(world, "swap a")
    [pending] = pending_applies(world.applies)
    assert (pending.intent, pending.tag) == (world.intent, "t-1")
    assert sorted(pending.paths) == ["a", "x/gone", "y/new"]
    recovered = world.recover()
    assert recovered is not None
    assert recovered.written == ("a", "x/gone", "y/new")
    assert pending_applies(world.applies) == []
    assert world.recover() is None


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "folder"])
def test_a_damaged_intent_is_named_and_touches_nothing(tmp_path: Path, damage: str) -> None:
    """A record that is not whole is not acted on: the error names it, the list tells, and tree and record stay."""
    world = World(tmp_path, STORIES["small"])
    stop_at(world, "swap a")
    whole = world.intent.read_bytes()
    if damage == "folder":
        world.intent.unlink()
        world.intent.mkdir()
    else:
        pieces = {"torn": whole[:-9], "empty": b"", "flipped": whole.replace(b'"y/new"', b'"y/neW"')}
        world.intent.write_bytes(pieces[damage])
    tree, rests = world.tree(), world.rests()
    with pytest.raises(IntentDamaged, match=r"t-1\.json"):
        world.recover()
    [pending] = pending_applies(world.applies)
    assert (pending.paths, "t-1.json" in pending.damaged) == ((), True)
    assert (world.tree(), world.rests()) == (tree, rests)


def test_a_tag_is_used_once(tmp_path: Path) -> None:
    """While an apply is unfinished no other takes its tag, and a tag is a plain word that names the intent."""
    world = World(tmp_path, STORIES["small"])
    stop_at(world, "swap a")
    with pytest.raises(InputError, match="recover it"):
        world.apply()
    for tag in ("", "a.b", "a/b", "ü", "x" * 101):
        with pytest.raises(InputError, match="tag"):
            world.apply(name=tag)


def test_a_record_is_read_as_it_is_written(tmp_path: Path) -> None:
    """The state of a file in a proposal holds for the tree whatever its permissions' other bits say."""
    world = World(tmp_path, ONE)
    before, after = world.proposal.changes[0].before, world.proposal.changes[0].after
    assert before is not None
    change = FileChange(path="file", before=FileState(before.sha256, 0o100644, before.size_bytes), after=after)
    assert world.apply(Proposal(changes=(change,))).state == "applied"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    """An apply closes what it opened, however it ends."""
    world = World(tmp_path, STORIES["renames"])
    (world.root / "loop").symlink_to("loop")
    count = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing's own descriptor counts both times
    for path in ("loop/a", ".git/a", "swap1/a", "fine"):
        try:
            world.apply(new_file(world, path), name=f"t-{len(path)}")
        except EzError:
            continue
    world.apply()
    assert len(os.listdir("/proc/self/fd")) == count  # noqa: PTH208


def stop_at(world: World, name: str, proposal: Proposal | None = None) -> None:
    """Apply, and stop at one step as abruptly as can be without a process of its own."""

    def step(told: str) -> None:
        if told == name:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.apply(proposal, step=step)
