"""Appliers that meet: no lease keeps them apart, only what each exchange compares."""

from __future__ import annotations

from pathlib import Path

from tests.applies import File, Story, World
from tests.chaos.apply_process import Appliers, Job
from tests.effort import share

_ROUNDS = share(200)
_PARTS = 12


def text(marks: dict[int, str]) -> File:
    """A text of parts with lines that never change between them, so that changes of two parts can be merged."""
    return "".join(f"part {part}\n{marks.get(part, '')}\nend {part}\n" for part in range(_PARTS)).encode(), 0o644


def test_two_appliers_on_the_same_files_lose_no_edit(tmp_path: Path) -> None:
    """In 200 rounds two processes change the same files at once until both succeed, and both edits are there."""
    marks: dict[int, str] = {}
    world = World(tmp_path, Story(before={name: text(marks) for name in ("one", "two", "three")}, after={}))
    with Appliers() as appliers:
        for number in range(_ROUNDS):
            base = text(marks)
            first = {**marks, number % _PARTS: f"{number} by the first"}
            second = {**marks, (number + 5) % _PARTS: f"{number} by the second"}
            jobs = [
                Job(root=str(world.root), blobs=str(world.blobs), retries=50,
                    intent=str(world.applies / f"{name}-{number}.json"),
                    proposal=world.proposed(dict.fromkeys(paths, base), dict.fromkeys(paths, text(mine))))
                for name, mine, paths in (("first", first, ("one", "two")), ("second", second, ("three", "two")))
            ]  # fmt: skip
            for told in appliers.run(*jobs):
                assert told.applied, (number, told)
                assert told.applied.state == "applied", (number, told)
            marks = {**first, (number + 5) % _PARTS: second[(number + 5) % _PARTS]}
            assert world.tree() == {"one": text(first), "three": text(second), "two": text(marks)}, number
            assert world.rests() == []
            for path in ("one", "three"):
                world.write(path, text(marks))
