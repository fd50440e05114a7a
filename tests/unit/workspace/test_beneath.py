"""Opening beneath a root: the same answers from the kernel's way and from the walk."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.workspace.dropped import run_dropped

from ezaigents.workspace import (
    FileMissing,
    FileUnreadable,
    NotRegular,
    PathOutside,
    open_beneath,
    open_by_walk,
)

Opener = Callable[..., int]
both = pytest.mark.parametrize("opener", [open_beneath, open_by_walk])


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def content(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a file, a sibling whose name begins the same, and a secret outside."""
    root = tmp_path / "repo"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "file.txt").write_text("inside")
    (root / "sub" / "inner.txt").write_text("inner")
    (tmp_path / "repo-evil").mkdir()
    (tmp_path / "repo-evil" / "file.txt").write_text("evil")
    (tmp_path / "secret.txt").write_text("secret")
    return root


@both
@pytest.mark.parametrize(
    "name", ["file.txt", "./file.txt", "sub/../file.txt", "sub/deep/../../file.txt", "sub//../file.txt"]
)
def test_opens_what_lies_beneath(opener: Opener, root: Path, name: str) -> None:
    """A path that stays inside is opened, also when it goes up on its way."""
    assert content(opener(root, name)) == b"inside"


@both
def test_follows_links_that_stay_inside(opener: Opener, root: Path) -> None:
    """A link inside the workspace is followed, to a file and through a folder, also upwards."""
    (root / "link.txt").symlink_to("sub/inner.txt")
    (root / "folder").symlink_to("sub")
    (root / "sub" / "deep" / "up").symlink_to("../../file.txt")
    assert content(opener(root, "link.txt")) == b"inner"
    assert content(opener(root, "folder/inner.txt")) == b"inner"
    assert content(opener(root, "sub/deep/up")) == b"inside"


@both
@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "../repo-evil/file.txt",
        "sub/../../secret.txt",
        "/etc/passwd",
        "",
        "file.txt\0.png",
        "out-absolute",
        "out-relative",
        "out-folder/secret.txt",
    ],
)
def test_refuses_what_leads_out(opener: Opener, root: Path, name: str) -> None:
    """Nothing outside is opened, whether by dots, by an absolute path, by a sibling's name or by a link."""
    (root / "out-absolute").symlink_to(root.parent / "secret.txt")
    (root / "out-relative").symlink_to("../secret.txt")
    (root / "out-folder").symlink_to("..")
    with pytest.raises(PathOutside):
        opener(root, name)


@both
@pytest.mark.parametrize("name", ["nothing", "nothing/file", "file.txt/below", "%2e%2e/secret.txt", "~/x"])
def test_missing_is_said(opener: Opener, root: Path, name: str) -> None:
    """A name that is not there is missing, however it is spelt; no spelling is interpreted."""
    with pytest.raises(FileMissing):
        opener(root, name)


@both
def test_name_longer_than_the_system_takes(opener: Opener, root: Path) -> None:
    """A name of 4,096 bytes is refused with a reason instead of an OSError."""
    with pytest.raises(FileUnreadable, match="too long"):
        opener(root, "x" * 4096)


@both
@pytest.mark.parametrize("name", ["new\nline", os.fsdecode(b"\xff\xfe bad"), "-dash", "@at", "ü", "u\u0308"])
def test_any_name_a_file_system_holds(opener: Opener, root: Path, name: str) -> None:
    """Odd names are opened as they are, and twins in other Unicode forms are other files."""
    (root / name).write_bytes(os.fsencode(name))
    assert content(opener(root, name)) == os.fsencode(name)


@both
def test_loop_of_links(opener: Opener, root: Path) -> None:
    """A loop of links is refused and does not hang."""
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(FileUnreadable, match="loop"):
        opener(root, "a")


@both
def test_special_files_are_refused_without_waiting(opener: Opener, root: Path) -> None:
    """A FIFO without a writer, a socket, a device or a folder is refused at once."""
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(root, os.O_RDONLY)
        try:
            # The address is limited to 107 bytes; the test's folder may be deeper.
            listener.bind(f"/proc/self/fd/{here}/socket")
        finally:
            os.close(here)
        for name in ("fifo", "socket", "sub"):
            with pytest.raises(NotRegular):
                opener(root, name)


@both
def test_data_folder_counts_as_outside(opener: Opener, root: Path) -> None:
    """The data folder is closed even inside the workspace, and by a link to it."""
    home = root / ".ez"
    home.mkdir()
    (home / "token").write_text("t")
    (root / "innocent").symlink_to(".ez/token")
    for name in (".ez/token", "innocent"):
        with pytest.raises(PathOutside, match="data folder"):
            opener(root, name, hidden=home)
    assert content(opener(root, "file.txt", hidden=home)) == b"inside"


@both
def test_no_descriptor_is_left_open(opener: Opener, root: Path) -> None:
    """Refusals close what they opened on their way."""
    (root / "sub" / "loop").symlink_to("loop")
    before = open_descriptors()
    for name in ("sub", "sub/deep/nothing", "../x", "sub/loop", "sub/../../x"):
        with pytest.raises((FileMissing, FileUnreadable, NotRegular, PathOutside)):
            opener(root, name)
    assert open_descriptors() == before


@both
def test_link_swapped_during_opening(opener: Opener, root: Path) -> None:
    """However a parent flips between folder and link, no open ever reaches the outside."""
    (root / "good").mkdir()
    (root / "good" / "secret.txt").write_text("fine")
    (root / "bad").symlink_to("..")
    flip = root / "flip"
    (root / "good").rename(flip)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            flip.rename(root / "good")
            (root / "bad").rename(flip)
            flip.rename(root / "bad")
            (root / "good").rename(flip)

    swapper = threading.Thread(target=swap)
    swapper.start()
    opened = tries = 0
    end_s = time.monotonic() + 20
    try:
        # On a busy machine the swapper may stand still for longer than the tries take.
        while tries < 100_000 or (not opened and time.monotonic() < end_s):
            tries += 1
            try:
                assert content(opener(root, "flip/secret.txt")) == b"fine"
                opened += 1
            except (PathOutside, FileMissing, FileUnreadable):
                continue
    finally:
        stop.set()
        swapper.join()
    assert opened > 0


@pytest.mark.parametrize("opener", ["open_beneath", "open_by_walk"])
def test_unreadable_file(opener: str, shared_folder: Path) -> None:
    """A file this user may not read is refused as unreadable."""
    closed = shared_folder / "closed.txt"
    closed.write_text("x")
    closed.chmod(0)
    script = f"""
try:
    open(path + "/closed.txt")
except PermissionError:
    pass
else:
    raise SystemExit("plain open works; the test proves nothing")
try:
    {opener}(path, "closed.txt")
except FileUnreadable as error:
    print(error)
"""
    assert run_dropped(script, shared_folder) == "closed.txt: cannot be read (permission denied)"
