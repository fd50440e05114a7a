"""The overlay against hostile names, links, special files and races."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.effort import share
from tests.unit.workspace.attempts import Bench, sha
from tests.unit.workspace.test_protected import MALFORMED, RESERVED

from ezaigents.errors import InputError
from ezaigents.workspace import FileMissing, FileRefused, NotRegular, Overlay, PathOutside, PathProtected

_RACE_TRIES = share(34_000, 5)
"""For each of three ways: some 100,000 in all, a fifth of that in the usual run."""
_FLIPPER = """
import os, sys
os.chdir(sys.argv[1])
print("flipping", flush=True)
while os.getppid() == int(sys.argv[2]):
    for _ in range(1000):
        os.rename("flip", "good")
        os.rename("bad", "flip")
        os.rename("flip", "bad")
        os.rename("good", "flip")
"""


def refused_everywhere(overlay: Overlay, path: str, kind: type[Exception] | tuple[type[Exception], ...]) -> None:
    """See that no method takes `path`."""
    for method in (
        lambda: overlay.write(path, b"x", expected=None),
        lambda: overlay.write(path, b"x", expected=sha(b"")),
        lambda: overlay.edit(path, "a", "b", expected=sha(b"")),
        lambda: overlay.delete(path, expected=sha(b"")),
        lambda: overlay.rename(path, "free", expected=sha(b"")),
        lambda: overlay.rename("mine", path, expected=sha(b"mine")),
        lambda: overlay.set_executable(path, True, expected=sha(b"")),
    ):
        with pytest.raises(kind):
            method()


@pytest.mark.parametrize("path", [*RESERVED, *MALFORMED])
def test_protected_names_are_never_written(bench: Bench, path: str) -> None:
    """What git or the fleet obeys, and what is no name, is refused by every change, though nothing of it is there."""
    overlay = bench.attempt()
    overlay.write("mine", b"mine", expected=None)
    refused_everywhere(overlay, path, (PathProtected, PathOutside))
    assert [change.path for change in overlay.changes()] == ["mine"]


def test_protected_files_are_not_reached_by_links(bench: Bench) -> None:
    """A link to a protected file, or to its folder, does not make it writable; reading it is allowed."""
    bench.put(".git/config", b"")
    bench.put("ezaigents.toml", b"")
    (bench.root / "plain").symlink_to(".git/config")
    (bench.root / "folder").symlink_to(".git")
    (bench.root / "settings").symlink_to("ezaigents.toml")
    (bench.root / "unborn").symlink_to("sub/.gitattributes")
    overlay = bench.attempt()
    overlay.write("mine", b"mine", expected=None)
    for path in ("plain", "folder/config", "folder/hooks/pre-commit", "settings", "unborn"):
        refused_everywhere(overlay, path, PathProtected)
    assert overlay.read("plain").path == ".git/config"


@pytest.mark.parametrize(
    "path",
    [
        "../outside/f",
        "../repo-evil/f",
        "../../../../../../../etc/passwd",
        "/etc/passwd",
        "to-passwd",
        "out/f",
        "out/new",
    ],
)
def test_nothing_outside_is_read_or_named(bench: Bench, path: str) -> None:
    """Dots, absolute paths, a sibling whose name begins the same, and links lead nowhere outside."""
    for name in ("outside", "repo-evil"):
        (bench.root.parent / name).mkdir()
        (bench.root.parent / name / "f").write_bytes(b"")
    (bench.root / "to-passwd").symlink_to("/etc/passwd")
    (bench.root / "out").symlink_to("../outside")
    overlay = bench.attempt()
    overlay.write("mine", b"mine", expected=None)
    refused_everywhere(overlay, path, PathOutside)
    with pytest.raises(PathOutside):
        overlay.read(path)
    with pytest.raises(PathOutside):
        overlay.window(path, 0, 10)


@pytest.mark.parametrize("path", ["%2e%2e/x", "~/x", "..%2fx", "a\\..\\..\\x"])
def test_no_spelling_is_interpreted(bench: Bench, path: str) -> None:
    """What looks like an escape in some other language is a name like any other."""
    overlay = bench.attempt()
    with pytest.raises(FileMissing):
        overlay.read(path)
    overlay.write(path, b"x", expected=None)
    assert overlay.read(path).path == path


def test_the_data_folder_is_outside(bench: Bench) -> None:
    """The attempt's own folder is closed to it, also where the data folder lies in the workspace."""
    home = bench.root / ".ez"
    folder = home / "tasks" / "t" / "1"
    folder.mkdir(parents=True)
    (home / "token").write_bytes(b"")
    (bench.root / "door").symlink_to(".ez")
    overlay = Overlay(bench.root, folder, hidden=home, limit_bytes=1000)
    overlay.write("mine", b"mine", expected=None)
    for path in (".ez/token", "door/token", ".ez/tasks/t/1/overlay.jsonl", "door/new/file"):
        refused_everywhere(overlay, path, PathOutside)
        with pytest.raises(PathOutside):
            overlay.read(path)


def test_special_files_are_refused_without_waiting(bench: Bench) -> None:
    """A FIFO nobody writes to, a socket, a device or a folder is no file, for reading and for writing."""
    os.mkfifo(bench.root / "fifo")
    (bench.root / "folder").mkdir()
    names = ["fifo", "folder", "socket"]
    if os.geteuid() == 0:
        os.mknod(bench.root / "null", 0o666 | 0o020000, os.makedev(1, 3))
        names.append("null")
    here = os.open(bench.root, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        overlay = bench.attempt()
        overlay.write("mine", b"mine", expected=None)
        for name in names:
            refused_everywhere(overlay, name, NotRegular)
            with pytest.raises(NotRegular):
                overlay.read(name)
            with pytest.raises(NotRegular):
                overlay.window(name, 0, 1)


@pytest.mark.parametrize("way", ["a folder", "a link to a folder", "a link to the file"])
def test_a_way_swapped_while_it_is_read(bench: Bench, way: str) -> None:
    """However often somebody swaps a part of the path for a link to the outside, no reading shows the outside."""
    bench.put("inside/f", b"inside")
    (bench.root.parent / "outside").mkdir()
    (bench.root.parent / "outside" / "f").write_bytes(b"outside")
    path = "flip" if way == "a link to the file" else "flip/f"
    (bench.root / "bad").symlink_to("../outside/f" if path == "flip" else "../outside")
    if way == "a folder":
        bench.put("flip/f", b"inside")
    else:
        (bench.root / "flip").symlink_to("inside/f" if path == "flip" else "inside")
    flipper = subprocess.Popen(
        [sys.executable, "-c", _FLIPPER, str(bench.root), str(os.getpid())], stdout=subprocess.PIPE
    )
    try:
        assert flipper.stdout is not None
        flipper.stdout.readline()
        shown, refused = _race(bench.attempt(), path)
    finally:
        flipper.kill()
        flipper.communicate()
    assert shown > 0
    assert refused > 0


def _race(overlay: Overlay, path: str) -> tuple[int, int]:
    shown = 0
    for _ in range(_RACE_TRIES):
        try:
            assert overlay.read(path).data == b"inside"
        except (InputError, FileRefused):
            continue
        shown += 1
    return shown, _RACE_TRIES - shown


def test_hard_links_outside_are_only_read(bench: Bench) -> None:
    """A change of a file that has another name outside leaves both as they are."""
    outside = bench.root.parent / "outside.txt"
    outside.write_bytes(b"1")
    Path(bench.root / "f").hardlink_to(outside)
    overlay = bench.attempt()
    overlay.write("f", b"2", expected=sha(b"1"))
    assert outside.read_bytes() == b"1"
