"""A person, or any other program, that writes to the same files at any moment of an apply.

Theirs is at its path afterwards, or among the blobs and named; everything else is wholly before or wholly after.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.applies import STORIES, Files, World
from tests.effort import LONG, long_only

from ezaigents.workspace.applied import Applied

THEIRS = b"what a person wrote, which is longer than anything there\n"
SMALL = STORIES["small"]
_EVERY = 1 if LONG else 3
"""The usual run looks at every third step."""


def save(path: Path) -> None:
    """As most editors do: a new file, renamed over the old one."""
    path.parent.mkdir(exist_ok=True)
    draft = path.parent / "their draft"
    draft.write_bytes(THEIRS)
    draft.rename(path)


def overwrite(path: Path) -> None:
    """As a shell's redirection does: into whatever file is there."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(THEIRS)


def remove(path: Path) -> None:
    path.unlink()


def protect(path: Path) -> None:
    path.chmod(0o400)


def link(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("elsewhere")


def make_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)
    (path / "theirs").write_bytes(THEIRS)


class Person:
    """Somebody who does something to a path at one step, if there is anything to do it to. `left`: what then stands."""

    def __init__(self, at: int, world: World, path: str, act: Callable[[Path], None]) -> None:
        self._steps_left = at
        self._world = world
        self._path = path
        self._act = act
        self.left: Files | None = None

    def __call__(self, step: str) -> None:
        self._steps_left -= 1
        if self._steps_left == 0:
            with contextlib.suppress(FileNotFoundError):
                self._act(self._world.root / self._path)
                self.left = part_of(self._world.tree(), self._path)


class Program:
    """One that opens a file at one step, if it is there, and writes into it at a later one."""

    def __init__(self, opens: int, writes: int, path: Path) -> None:
        self._opens = opens
        self._writes = writes
        self._path = path
        self._step = 0
        self._file = -1
        self.has_written = False

    def __call__(self, step: str) -> None:
        self._step += 1
        if self._step == self._opens:
            with contextlib.suppress(FileNotFoundError):
                self._file = os.open(self._path, os.O_WRONLY)
        if self._step == self._writes and self._file >= 0:
            self.has_written = os.write(self._file, THEIRS) > 0

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


def part_of(tree: Files, path: str) -> Files:
    """What a tree holds at a path, or beneath it."""
    return {name: file for name, file in tree.items() if name == path or name.startswith(f"{path}/")}


def check(world: World, applied: Applied, path: str, theirs: Files) -> None:
    """Fail unless what they left stands at `path`, and the rest is of one piece."""
    tree = world.tree()
    assert part_of(tree, path) == theirs
    others = [part_of(files, other) for files in (world.before, world.after) for other in _others(world, path)]
    now = [part_of(tree, other) for other in _others(world, path)]
    assert now in (others[: len(now)], others[len(now) :])
    assert (now == others[len(now) :]) == (applied.state == "applied") or others[: len(now)] == others[len(now) :]
    assert world.rests() == []


def _others(world: World, path: str) -> list[str]:
    return sorted({*world.before, *world.after} - {path})


ACTS = [(act, path) for act in (save, overwrite, remove, link, make_folder) for path in ("a", "x/gone", "y/new")]
# Permissions alone keep no file from being deleted, if they were changed before the apply looked.
ACTS += [(protect, "a"), (protect, "y/new")]


@pytest.mark.parametrize(("act", "path"), ACTS)
def test_whatever_they_do_at_any_step_stands(tmp_path: Path, act: Callable[[Path], None], path: str) -> None:
    """Between any two steps somebody writes, deletes, links or makes a folder at a path: theirs is what stays."""
    steps = World(tmp_path / "first", SMALL).steps()
    acted = 0
    for at in range(0, len(steps), _EVERY):
        world = World(tmp_path / str(at), SMALL)
        person = Person(at + 1, world, path, act)
        applied = world.apply(step=person, merge=False)
        if person.left is None:
            assert world.tree() == world.after
            continue
        acted += 1
        check(world, applied, path, person.left)
        if applied.state == "conflict":
            assert path in dict(applied.conflicts), (steps[at], applied)
    assert acted >= (4 if LONG else 2)


def test_a_program_that_holds_the_old_file_open_loses_nothing(tmp_path: Path) -> None:
    """Opened early or late and written into at any later step, a file stands at its path up to the last look.

    Written between that and its removal, it is among the blobs and named.
    """
    steps = World(tmp_path / "first", SMALL).steps()
    end = steps.index("mark intent as done") + 1
    states = set()
    for path in ("a", "x/gone"):
        for opened, written in [(early, late) for early in (1, end - 3) for late in range(early, end + 1)]:
            world = World(tmp_path / f"{opened}-{written}-{path[0]}", SMALL)
            program = Program(opened, written, world.root / path)
            applied = world.apply(step=program, merge=False)
            states.add(applied.state)
            program.close()
            if program.has_written:
                at_path = part_of(world.tree(), path).get(path, (b"", 0))[0]
                assert at_path == THEIRS or written == end, (steps[opened - 1], steps[written - 1], path)
                assert at_path == THEIRS or (world.is_blob(THEIRS) and path in dict(applied.conflicts))
            assert world.rests() == []
    assert states == {"applied", "conflict"}


def test_a_person_who_saves_again_and_again_has_the_last_word(tmp_path: Path) -> None:
    """While theirs is put back they may save once more, and the newest is what stays; none of them is lost."""
    for saves in range(2, 6):
        world = World(tmp_path / str(saves), SMALL)
        path = world.root / "a"
        count = 0

        def step(name: str, path: Path = path, saves: int = saves) -> None:
            nonlocal count
            if name == "swap a" and count < saves:
                count += 1
                draft = path.with_name("draft")
                draft.write_bytes(b"version %d" % count)
                draft.rename(path)

        applied = world.apply(step=step)
        assert count == saves
        assert applied.state == "conflict"
        assert path.read_bytes() == b"version %d" % saves
        assert {name: file for name, file in world.tree().items() if name != "a"} == {"x/gone": (b"g\n", 0o644)}
        assert world.rests() == []


@pytest.mark.parametrize("path", ["a", pytest.param("y/new", marks=long_only)])
@pytest.mark.parametrize("act", [save, overwrite, remove, link, make_folder])
def test_whatever_they_do_while_it_undoes_stands(tmp_path: Path, act: Callable[[Path], None], path: str) -> None:
    """While an apply puts back what it had changed, somebody may do the same things, and theirs is what stays."""
    told = steps_of_undoing(World(tmp_path / "first", SMALL))
    for at in range(told.index("take away x/gone") + 1, len(told)):
        world = World(tmp_path / str(at), SMALL)
        first = Person(told.index("take away x/gone") + 1, world, "x/gone", save)
        second = Person(at + 1, world, path, act)

        def step(name: str, persons: tuple[Person, ...] = (first, second)) -> None:
            for person in persons:
                person(name)

        applied = world.apply(step=step)
        assert applied.state == "conflict"
        assert "x/gone" in dict(applied.conflicts)
        tree = world.tree()
        assert tree["x/gone"][0] == THEIRS
        if second.left is not None and "remove" not in told[at]:
            assert part_of(tree, path) == second.left, told[at]
        other = "y/new" if path == "a" else "a"
        assert part_of(tree, other) == part_of(world.before, other), told[at]
        assert world.rests() == []


def steps_of_undoing(world: World) -> list[str]:
    """What an apply does to whose last path somebody saves in the last moment."""
    told: list[str] = []

    def step(name: str) -> None:
        told.append(name)
        if name == "take away x/gone":
            save(world.root / "x" / "gone")

    world.apply(step=step)
    return told


def test_a_staged_file_that_was_written_to_is_not_applied(tmp_path: Path) -> None:
    """What comes into the tree is what was proposed, also where somebody found the staging folder."""
    world = World(tmp_path, SMALL)

    def step(name: str) -> None:
        if name == "put y/new":
            for staged in world.root.glob(".ez-*/*"):
                staged.write_bytes(THEIRS)

    assert world.apply(step=step).state == "conflict"
    assert world.tree() == world.before
    assert world.rests() == []


def test_a_folder_that_is_swapped_for_a_link_is_not_written_through(tmp_path: Path) -> None:
    """A folder on the way that becomes a link to outside, at any step: nothing outside is changed."""
    for at in range(len(World(tmp_path / "first", SMALL).steps())):
        world = World(tmp_path / str(at), SMALL)
        outside = tmp_path / f"outside-{at}"
        outside.mkdir()
        (outside / "gone").write_bytes(b"g\n")
        count = 0

        def step(name: str, at: int = at, world: World = world, outside: Path = outside) -> None:
            nonlocal count
            count += 1
            if count == at + 1 and (world.root / "x").exists():
                (world.root / "x").rename(world.root / "x, moved")
                (world.root / "x").symlink_to(outside)

        world.apply(step=step)
        assert [path.name for path in outside.iterdir()] == ["gone"]
        assert world.tree()["a"] in (world.before["a"], world.after["a"])
        moved = world.root / "x, moved" / "gone"
        assert not moved.parent.exists() or moved.exists() or world.is_blob(b"g\n")
