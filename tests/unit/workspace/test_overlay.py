"""The overlay: reading through it, changing by compare-and-set, and what it comes to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.workspace.attempts import LIMIT_BYTES, Bench, sha
from tests.unit.workspace.gitted import git, read_tree

from ezaigents.errors import InputError
from ezaigents.workspace import (
    Encoding,
    FileChange,
    FileMissing,
    FilePresent,
    FileRefused,
    FileState,
    FileTooLarge,
    NotRegular,
    StaleWrite,
    TooManyChanges,
)
from ezaigents.workspace.seen import Seen

KINDS = {
    "binary": (b"\x7fELF\0\1\2", Encoding.BINARY),
    "utf-8": ("käse\n".encode(), Encoding.UTF8),
    "utf-16": ("käse\n".encode("utf-16"), Encoding.UTF16),
    "latin-1": ("käse\n".encode("latin-1"), Encoding.LATIN1),
    "surrogate": (b"bad \xed\xb2\x80 \x80\n", Encoding.UNDECODABLE),
    "nul": (b"a\0b", Encoding.BINARY),
    "crlf": (b"a\r\nb\r\n", Encoding.UTF8),
    "bom": (b"\xef\xbb\xbfa\n", Encoding.UTF8),
    "no final newline": (b"a\nb", Encoding.UTF8),
    "empty": (b"", Encoding.UTF8),
}


def state(data: bytes, mode: int = 0o644) -> FileState:
    return FileState(sha(data), mode, len(data))


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_kept_as_they_are(bench: Bench, kind: str) -> None:
    """Whatever a file holds is read, written and proposed byte for byte, and named for what it is."""
    data, encoding = KINDS[kind]
    bench.put("f", data)
    overlay = bench.attempt()
    reading = overlay.read("f")
    assert (reading.data, reading.sha256, reading.encoding, reading.mode) == (data, sha(data), encoding, 0o644)
    overlay.write("f", data + b"!", expected=reading.sha256)
    overlay.write("g", data, expected=None)
    assert overlay.read("f").data == data + b"!"
    assert overlay.read("g").data == data
    assert overlay.propose() is not None
    assert [bench.content(change.after.sha256) for change in bench.proposal().changes if change.after] == [
        data + b"!",
        data,
    ]
    assert (bench.root / "f").read_bytes() == data


def test_every_spelling_is_the_same_file(bench: Bench) -> None:
    """A change made through a link is a change of the file it leads to, and is seen by every other spelling."""
    before = bench.put("sub/f", b"1")
    (bench.root / "link").symlink_to("sub/f")
    (bench.root / "folder").symlink_to("sub")
    overlay = bench.attempt()
    overlay.write("link", b"2", expected=before)
    overlay.write("folder/new", b"n", expected=None)
    assert overlay.read("folder/f").data == overlay.read("sub/../sub/f").data == b"2"
    assert [change.path for change in overlay.changes()] == ["sub/f", "sub/new"]


def test_a_large_file_is_read_in_windows(bench: Bench) -> None:
    """A file of 1 GB is refused whole, with size and limit, and read as a bounded window that says its size."""
    with (bench.root / "huge").open("wb") as file:
        file.truncate(1024**3)
        file.seek(500_000_000)
        file.write(b"here")
    overlay = bench.attempt()
    with pytest.raises(FileTooLarge) as refused:
        overlay.read("huge")
    assert (refused.value.size_bytes, refused.value.limit_bytes) == (1024**3, LIMIT_BYTES)
    window = overlay.window("huge", 499_999_999, 6)
    assert (window.data, window.size_bytes, window.sha256) == (b"\0here\0", 1024**3, "")
    assert len(overlay.window("huge", 0, 2**40).data) == LIMIT_BYTES
    assert overlay.window("huge", 1024**3 - 1, 10).data == b"\0"
    assert overlay.window("huge", 2 * 1024**3, 10).data == b""
    with pytest.raises(FileTooLarge):
        overlay.delete("huge", expected="0" * 64)
    with pytest.raises(InputError):
        overlay.window("huge", -1, 10)


def test_a_window_of_a_changed_file(bench: Bench) -> None:
    """A window goes through the overlay, and names the whole content where that is known."""
    before = bench.put("f", b"0123456789")
    overlay = bench.attempt()
    assert overlay.window("f", 0, 99).sha256 == before
    overlay.write("f", b"abcdefghij", expected=before)
    window = overlay.window("f", 3, 3)
    assert (window.data, window.size_bytes, window.sha256) == (b"def", 10, sha(b"abcdefghij"))
    overlay.delete("f", expected=sha(b"abcdefghij"))
    with pytest.raises(FileMissing):
        overlay.window("f", 0, 1)


def test_a_write_needs_the_content_it_is_based_on(bench: Bench) -> None:
    """What somebody changed since it was read is not written over, and the difference from then to now is told."""
    overlay = bench.attempt()
    bench.put("f", b"one\ntwo\nthree\n")
    read = overlay.read("f")
    now = bench.put("f", b"one\n2\nthree\n")
    for change in (
        lambda: overlay.write("f", b"mine\n", expected=read.sha256),
        lambda: overlay.edit("f", "one", "1", expected=read.sha256),
        lambda: overlay.delete("f", expected=read.sha256),
        lambda: overlay.rename("f", "g", expected=read.sha256),
        lambda: overlay.set_executable("f", True, expected=read.sha256),
    ):
        with pytest.raises(StaleWrite) as stale:
            change()
        assert (stale.value.path, stale.value.expected, stale.value.found) == ("f", read.sha256, now)
        assert stale.value.difference.startswith("--- as you read it\n+++ as it is now\n@@ -1,3 +1,3 @@\n")
        assert "\n-two\n+2\n" in stale.value.difference
        assert stale.value.difference in str(stale.value)
    assert overlay.changes() == ()
    overlay.write("f", b"mine\n", expected=now)
    with pytest.raises(StaleWrite, match="\n-2\n"):
        overlay.write("f", b"mine again\n", expected=now)


def test_a_difference_of_what_nobody_remembers(bench: Bench) -> None:
    """Where what was read is not kept, the difference is that to what was to be written, and says so."""
    now = bench.put("f", b"theirs\n")
    overlay = bench.attempt()
    overlay.write("first", b"", expected=None)
    (bench.home / "token").write_bytes(b"secret")
    for expected in (None, "0" * 64, "../../../token"):
        with pytest.raises(StaleWrite) as stale:
            overlay.write("f", b"mine\n", expected=expected)
        assert (stale.value.expected, stale.value.found) == (expected, now)
        assert stale.value.difference == (
            "--- as it is now\n+++ as you would have written it\n@@ -1 +1 @@\n-theirs\n+mine\n"
        )


def test_a_difference_is_bounded(bench: Bench) -> None:
    """However large or binary the contents, the difference is some KB of text."""
    overlay = bench.attempt()
    bench.put("text", b"".join(b"%d\n" % number for number in range(100_000)))
    bench.put("data", b"\0" * 1000)
    reads = {path: overlay.read(path).sha256 for path in ("text", "data")}
    bench.put("text", b"".join(b"%d\n" % -number for number in range(100_000)))
    bench.put("data", b"\0" * 2000)
    with pytest.raises(StaleWrite, match=r"bytes more$") as stale:
        overlay.write("text", b"", expected=reads["text"])
    assert len(str(stale.value)) < 10_000
    with pytest.raises(StaleWrite, match=r"not compared by lines: 1000 bytes, then 2.0 KB$"):
        overlay.write("data", b"", expected=reads["data"])


def test_what_is_gone_or_new_is_stale_too(bench: Bench) -> None:
    """A file that vanished, or that appeared, is not what the caller takes it for."""
    overlay = bench.attempt()
    before = bench.put("f", b"1")
    overlay.read("f")
    (bench.root / "f").unlink()
    with pytest.raises(StaleWrite, match="is gone") as stale:
        overlay.write("f", b"2", expected=before)
    assert stale.value.found is None
    overlay.write("f", b"2", expected=None)
    with pytest.raises(StaleWrite, match="is there already"):
        overlay.write("f", b"3", expected=None)
    overlay.delete("f", expected=sha(b"2"))
    with pytest.raises(FileMissing):
        overlay.read("f")
    with pytest.raises(StaleWrite, match="is gone"):
        overlay.delete("f", expected=sha(b"2"))


def test_two_attempts_see_only_their_own(bench: Bench) -> None:
    """Two attempts that change one file each read their own version, and the workspace keeps its own."""
    before = bench.put("f", b"0")
    one, two = bench.attempt(1), bench.attempt(2)
    one.write("f", b"1", expected=before)
    two.write("f", b"2", expected=before)
    one.write("only", b"1", expected=None)
    assert (one.read("f").data, two.read("f").data, (bench.root / "f").read_bytes()) == (b"1", b"2", b"0")
    with pytest.raises(FileMissing):
        two.read("only")


def test_net_changes(bench: Bench) -> None:
    """Changes are net, by path: what was taken back is none, and a new file that was renamed is a new file."""
    hashes = {name: bench.put(name, name.encode(), 0o644) for name in ("back", "edit", "gone", "mode", "remade")}
    overlay = bench.attempt()
    overlay.write("back", b"x", expected=hashes["back"])
    overlay.write("back", b"back", expected=sha(b"x"))
    overlay.set_executable("back", True, expected=hashes["back"])
    overlay.set_executable("back", False, expected=hashes["back"])
    overlay.write("edit", b"x", expected=hashes["edit"])
    overlay.delete("gone", expected=hashes["gone"])
    overlay.set_executable("mode", True, expected=hashes["mode"])
    overlay.delete("remade", expected=hashes["remade"])
    overlay.write("remade", b"y", expected=None)
    overlay.write("temporary", b"t", expected=None)
    overlay.delete("temporary", expected=sha(b"t"))
    overlay.write("draft", b"n", expected=None)
    overlay.rename("draft", "a-new", expected=sha(b"n"))
    assert overlay.changes() == (
        FileChange(path="a-new", after=state(b"n")),
        FileChange(path="edit", before=state(b"edit"), after=state(b"x")),
        FileChange(path="gone", before=state(b"gone")),
        FileChange(path="mode", before=state(b"mode"), after=state(b"mode", 0o755)),
        FileChange(path="remade", before=state(b"remade"), after=state(b"y")),
    )


def test_renames(bench: Bench) -> None:
    """Explicit renames are renames, chains are one, and only between a path that ends free and one that began so."""
    hashes = {name: bench.put(name, name.encode()) for name in ("chain", "round", "left", "x", "y", "onto", "over")}
    overlay = bench.attempt()
    overlay.rename("chain", "c2", expected=hashes["chain"])
    overlay.edit("c2", "chain", "edited", expected=hashes["chain"])
    overlay.rename("c2", "c3", expected=sha(b"edited"))
    overlay.rename("round", "r2", expected=hashes["round"])
    overlay.rename("r2", "round", expected=hashes["round"])
    overlay.rename("left", "moved", expected=hashes["left"])
    overlay.write("left", b"new", expected=None)
    overlay.rename("x", "t", expected=hashes["x"])
    overlay.rename("y", "x", expected=hashes["y"])
    overlay.rename("t", "y", expected=hashes["x"])
    overlay.delete("over", expected=hashes["over"])
    overlay.rename("onto", "over", expected=hashes["onto"])
    assert overlay.changes() == (
        FileChange(path="c3", before=state(b"chain"), after=state(b"edited"), renamed_from="chain"),
        FileChange(path="left", before=state(b"left"), after=state(b"new")),
        FileChange(path="moved", after=state(b"left")),
        FileChange(path="onto", before=state(b"onto")),
        FileChange(path="over", before=state(b"over"), after=state(b"onto")),
        FileChange(path="x", before=state(b"x"), after=state(b"y")),
        FileChange(path="y", before=state(b"y"), after=state(b"x")),
    )


def test_a_rename_needs_a_free_name(bench: Bench) -> None:
    """Nothing is renamed onto a file, be it the workspace's or the attempt's own."""
    before = bench.put("f", b"f")
    bench.put("g", b"g")
    overlay = bench.attempt()
    overlay.write("h", b"h", expected=None)
    for target in ("f", "g", "h"):
        with pytest.raises(FilePresent):
            overlay.rename("f", target, expected=before)


@pytest.mark.parametrize("path", ["file/below", "own/below", "folder", "made", "made/deep"])
def test_a_name_is_a_file_or_a_folder(bench: Bench, path: str) -> None:
    """No file is made where a folder stands, nor beneath a file, in the workspace or among the attempt's own."""
    bench.put("file", b"")
    bench.put("folder/f", b"")
    before = bench.put("mover", b"m")
    overlay = bench.attempt()
    overlay.write("own", b"", expected=None)
    overlay.write("made/deep/f", b"", expected=None)
    with pytest.raises(NotRegular):
        overlay.write(path, b"x", expected=None)
    with pytest.raises(NotRegular):
        overlay.rename("mover", path, expected=before)


def test_who_touches_what_is_told(bench: Bench) -> None:
    """The first reading of a file and every change are told, by its one name, and the same bytes again are none."""
    before = bench.put("sub/f", b"1")
    (bench.root / "link").symlink_to("sub/f")
    overlay = bench.attempt()
    overlay.read("link")
    overlay.read("sub/f")
    overlay.window("sub/f", 0, 1)
    overlay.write("sub/f", b"1", expected=before)
    overlay.set_executable("sub/f", False, expected=before)
    assert bench.touched == [("sub/f", False)]
    overlay.write("link", b"2", expected=before)
    overlay.rename("sub/f", "g", expected=sha(b"2"))
    assert bench.touched[1:] == [("sub/f", True), ("sub/f", True), ("g", True)]
    assert len(overlay.changes()) == 1


def test_limits_are_named(bench: Bench) -> None:
    """A file beyond the limit, too many files and too many bytes are refused, and change nothing."""
    overlay = bench.attempt(files_most=2, written_most_bytes=3 * LIMIT_BYTES)
    with pytest.raises(FileTooLarge):
        overlay.write("large", b"x" * (LIMIT_BYTES + 1), expected=None)
    overlay.write("a", b"a", expected=None)
    overlay.write("b", b"b", expected=None)
    with pytest.raises(TooManyChanges, match="3 files, limit 2"):
        overlay.write("c", b"c", expected=None)
    overlay.delete("a", expected=sha(b"a"))
    hash_now = overlay.write("c", b"c", expected=None)
    with pytest.raises(TooManyChanges, match=r"limit 3.0 MB"):
        for number in range(4):
            hash_now = overlay.write("c", b"%d" % number * LIMIT_BYTES, expected=hash_now)
    assert [change.path for change in overlay.changes()] == ["b", "c"]
    assert overlay.read("c").sha256 == hash_now


def test_odd_names_survive_the_log(bench: Bench) -> None:
    """A name that is not UTF-8, or holds a backslash, is the same after the log was read back."""
    names = [os.fsdecode(b"\xff"), "\\udcff", "a\\b", "ü", "~", "%2e%2e"]
    overlay = bench.attempt()
    for name in names:
        bench.put(name, os.fsencode(name))
        overlay.write(name, b"new", expected=sha(os.fsencode(name)))
    again = bench.attempt()
    assert [again.read(name).data for name in names] == [b"new"] * len(names)
    assert again.changes() == overlay.changes()


def test_permissions_are_kept(bench: Bench) -> None:
    """Writing keeps the permission bits, execution follows reading, and setuid is never carried over."""
    before = bench.put("tool", b"1", 0o4750)
    secret = bench.put("secret", b"s", 0o600)
    overlay = bench.attempt()
    assert overlay.read("tool").mode == 0o750
    overlay.write("tool", b"2", expected=before)
    overlay.set_executable("secret", True, expected=secret)
    assert [change.after.mode for change in overlay.changes() if change.after] == [0o700, 0o750]


def test_a_proposal_is_a_patch_of_the_tree(bench: Bench) -> None:
    """What is proposed is whole on the disk: git takes its patch, and every content before and after is kept."""
    overlay = bench.attempt()
    assert overlay.propose() is None
    before = {
        "edit me": bench.put("edit me", b"one\ntwo\n"),
        "go": bench.put("go", b"\0bin"),
        "move": bench.put("move", b"m\n", 0o755),
    }
    overlay.edit("edit me", "two", "2", expected=before["edit me"])
    overlay.delete("go", expected=before["go"])
    overlay.rename("move", "to/there", expected=before["move"])
    overlay.write("new", b"n", expected=None)
    proposal = overlay.propose()
    assert proposal == bench.proposal() == overlay.propose()
    assert proposal is not None
    assert (proposal.added, proposal.removed) == (2, 1)
    for change in proposal.changes:
        for kept in filter(None, (change.before, change.after)):
            assert sha(bench.content(kept.sha256)) == kept.sha256
    git(bench.root, "init", "-q")
    git(bench.root, "apply", str(bench.folder(1) / "patch.diff"))
    assert read_tree(bench.root) == {
        b"edit me": (b"one\n2\n", 0o644),
        b"to/there": (b"m\n", 0o755),
        b"new": (b"n", 0o644),
    }
    assert [path.name for path in bench.folder(1).iterdir() if path.name.startswith(".")] == []


def test_a_lost_content_is_said(bench: Bench) -> None:
    """Where somebody removed a content from the data folder, it is told so, and nothing is proposed."""
    overlay = bench.attempt()
    overlay.write("f", b"x", expected=None)
    (bench.task / "blobs" / sha(b"x")).unlink()
    with pytest.raises(FileRefused, match="run the task again"):
        overlay.propose()
    assert not (bench.folder(1) / "changes.json").exists()


def test_what_was_read_leaves_nothing_behind(bench: Bench) -> None:
    """Reading keeps contents for differences in a file without a name, and closing the overlay ends it."""
    bench.put("f", b"1")
    overlay = bench.attempt()
    overlay.read("f")
    assert list(bench.folder(1).iterdir()) == []
    assert len(opened_in(bench.folder(1))) == 1
    overlay.close()
    overlay.close()
    assert opened_in(bench.folder(1)) == []


def opened_in(folder: Path) -> list[str]:
    """What this process has open in `folder`, removed files too."""
    paths = (os.path.realpath(descriptor) for descriptor in Path("/proc/self/fd").iterdir())
    return [path for path in paths if path.startswith(f"{folder}/")]


def test_what_was_read_is_kept_within_a_bound(tmp_path: Path) -> None:
    """When there is no more room all that was read is forgotten, and what is larger than the room is not kept."""
    seen = Seen(tmp_path, most_bytes=10)
    for data in (b"first", b"second", b"far too large"):
        seen.keep(sha(data), data)
    assert [seen.get(sha(data)) for data in (b"first", b"second", b"far too large")] == [None, b"second", None]
    seen.close()
    assert seen.get(sha(b"second")) is None
