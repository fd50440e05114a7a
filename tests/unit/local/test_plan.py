"""From files to portions."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ezaigents.agents.local import Portion, plan_tasks
from ezaigents.workspace import FoundFile

NAMES = st.text(st.sampled_from("abc\n\udcff."), min_size=1, max_size=3)
FILES = st.lists(
    st.builds(FoundFile, st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.integers(0, 40_000_000)),
    max_size=600,
    unique_by=lambda file: file.path,
)


@settings(max_examples=50, deadline=None)
@given(FILES)
def test_each_file_is_in_exactly_one_portion(files: list[FoundFile]) -> None:
    """Nothing is left out and nothing is done twice; titles are one printable line."""
    portions = plan_tasks(files)
    assert sorted(path for portion in portions for path in portion.paths) == sorted(f.path for f in files)
    assert all(portion.paths and portion.title.isprintable() for portion in portions)


def test_up_to_two_hundred_files_are_tasks_of_their_own() -> None:
    """Few files are one task each, in the order given, titled by their path."""
    files = [FoundFile(f"src/f{n:03}.py", 10) for n in range(200)]
    assert plan_tasks(files) == [Portion(file.path, (file.path,)) for file in files]


def test_more_files_go_by_folder() -> None:
    """Beyond two hundred a portion holds at most fifty neighbours and ends with its folder once half full."""
    files = [FoundFile(f"{folder}/f{n:02}.py", 10) for folder in ("a", "b", "c") for n in range(40)]
    files += [FoundFile(f"d/f{n:03}.py", 10) for n in range(120)]
    portions = plan_tasks(files)
    assert [portion.title for portion in portions] == [
        "a/ (40 files)",
        "b/ (40 files)",
        "c/ (40 files)",
        "d/ (50 files, part 1)",
        "d/ (50 files, part 2)",
        "d/ (20 files, part 3)",
    ]


def test_tiny_folders_share_a_portion() -> None:
    """Folders of one file each are put together under the folder they share."""
    portions = plan_tasks([FoundFile(f"src/m{n:03}/x.py", 10) for n in range(300)])
    assert len(portions) <= 12
    assert portions[0].title.startswith("src/ (")


def test_large_files_get_more_room() -> None:
    """A portion is bounded in bytes as well, and a file larger than the bound has one to itself."""
    files = [FoundFile(f"s/{n:03}", 1) for n in range(250)] + [FoundFile(f"t/{n}", 9_000_000) for n in range(8)]
    portions = [portion for portion in plan_tasks(files) if portion.paths[0].startswith("t/")]
    assert [len(portion.paths) for portion in portions] == [3, 3, 2]


def test_however_many_files_there_are_the_tasks_stay_few() -> None:
    """A hundred thousand files become some hundreds of tasks."""
    files = [FoundFile(f"d{n // 7}/f{n}", 1000) for n in range(100_000)]
    assert 100 <= len(plan_tasks(files)) <= 700
