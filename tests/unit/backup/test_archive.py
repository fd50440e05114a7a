"""The file of a backup: whole, or refused."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tests.unit.backup.archives import LITTLE, archive_at, forged, manifest, raw_member, verified

from ezaigents.backup import Archive, ArchiveWriter, Damaged, NotABackup, TooNew
from ezaigents.backup.manifest import MANIFEST
from ezaigents.backup.member import Member, NotAMember, fits, header_of, member_of
from ezaigents.codec import to_json
from ezaigents.errors import ConfigError, InputError, RetryLater

_LONG = "tasks/" + "d" * 90 + "/" + "f" * 90


def test_what_is_written_is_read_and_any_tar_reads_it(tmp_path: Path) -> None:
    """Small, large, empty and far-away members come back as they were, here and from tar; the file is the user's."""
    large = random.Random(1).randbytes(700_001)
    (tmp_path / "large").write_bytes(large)
    path = tmp_path / "b.tar"
    with ArchiveWriter(path) as archive, (tmp_path / "large").open("rb") as file:
        archive.add(MANIFEST, to_json(manifest()))
        archive.add("tasks/a/empty", b"")
        archive.add(_LONG, b"far")
        archive.add_file("tasks/a/large", file.fileno(), 700_000, mtime_s=1_700_000_000)
        archive.add("runs/\u00e4", b"letters")
        archive.finish()
    assert verified(path) == 5
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as seen:
        found = {one.name: seen.extractfile(one) for one in seen}
        assert found["tasks/a/large"].read() == large[:700_000]  # type: ignore[union-attr]
        assert found[_LONG].read() == b"far"  # type: ignore[union-attr]
        assert found["runs/\u00e4"].read() == b"letters"  # type: ignore[union-attr]
    with Archive(path) as archive_read:
        read = {place.member.name: b"".join(archive_read.pieces(place)) for place in archive_read.places()}
    assert read["tasks/a/large"] == large[:700_000]
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_header_holds_sizes_beyond_octal() -> None:
    """A file of more than 8 GiB has a header of the usual length, and its size comes back."""
    member = Member(name="engine/x", size_bytes=10**13, digest="0" * 64)
    assert member_of(header_of(member)) == member


@pytest.mark.parametrize("length", [0, 1, 511, 512, 700, 1024, 2047, 2048, 3000])
def test_a_backup_cut_short_is_refused(length: int, tmp_path: Path) -> None:
    """However much is missing at its end, it is refused."""
    data = archive_at(tmp_path / "b.tar").read_bytes()
    for kept in {length, len(data) - 1 - length}:
        (tmp_path / "cut.tar").write_bytes(data[:kept])
        with pytest.raises((Damaged, NotABackup)):
            verified(tmp_path / "cut.tar")


def test_one_altered_bit_is_seen_wherever_it_is(tmp_path: Path) -> None:
    """A bit that differs in any header, content, padding or at the end makes it another file."""
    data = archive_at(tmp_path / "b.tar").read_bytes()
    places = {*range(0, len(data), 13), *range(len(data) - 2048, len(data), 5)}
    other = tmp_path / "altered.tar"
    for at in sorted(places):
        altered = bytearray(data)
        altered[at] ^= 1 << (at % 8)
        other.write_bytes(altered)
        with pytest.raises((Damaged, NotABackup, TooNew)):
            verified(other)


def test_the_altered_member_is_named(tmp_path: Path) -> None:
    """Who has a damaged backup is told which file of it is."""
    path = archive_at(tmp_path / "b.tar")
    path.write_bytes(path.read_bytes().replace(b"{}\n{}\n", b"{}\n{]\n", 1))
    with pytest.raises(Damaged, match=r"tasks/a/1/journal\.jsonl"):
        verified(path)


@pytest.mark.parametrize(
    "name",
    ["../out", "tasks/../../out", "tasks//x", "tasks/./x", "/etc/x", "tasks/a\nb", "tasks\\x", "token", "engine.conf"],
)
def test_a_member_that_does_not_belong_is_refused(name: str, tmp_path: Path) -> None:
    """A name that leads out of the data folder, or to what no backup holds, is refused though all digests fit."""
    with pytest.raises(Damaged):
        verified(forged(tmp_path / "b.tar", [raw_member(name, b"x")]))


def test_links_and_other_kinds_are_no_members(tmp_path: Path) -> None:
    """A header of a link, folder, device or extension is none of ours, whatever its checksum."""
    for kind in b"1234567xgLKS":
        info = tarfile.TarInfo("tasks/x")
        info.type, info.linkname = bytes([kind]), "/etc/passwd"
        with pytest.raises(NotAMember):
            member_of(info.tobuf(tarfile.USTAR_FORMAT))
        with pytest.raises(Damaged):
            verified(forged(tmp_path / "b.tar", [(info.tobuf(tarfile.USTAR_FORMAT), b"")]))


def test_a_header_that_is_only_almost_ours_is_refused() -> None:
    """Another kind, mode or owner, with a checksum that fits, is not what we write."""
    header = header_of(Member(name="tasks/x", size_bytes=1, digest="0" * 64))
    for at, other in ((156, b"2"), (156, b"L"), (100, b"0004755"), (108, b"0001000"), (265, b"root")):
        raw = header[:at] + other + header[at + len(other) :]
        blank = raw[:148] + b" " * 8 + raw[156:]
        with pytest.raises(NotAMember):
            member_of(raw[:148] + b"%06o\0 " % sum(blank) + raw[156:])
    assert member_of(header).name == "tasks/x"


def test_members_tile_the_file_without_a_second_of_a_name(tmp_path: Path) -> None:
    """Twice the same name, a file that is a folder too, a member beyond the end and bytes between are refused."""
    one, path = raw_member("tasks/x", b"1"), tmp_path / "b.tar"
    for members, hidden in (
        ([one, one], b""),
        ([one, raw_member("tasks/x/y", b"1")], b""),
        ([raw_member("tasks/x", b"1", size=10**12)], b""),
        ([one], b"\0" * 512),
        ([one], b"\0" * 100),
    ):
        with pytest.raises(Damaged):
            verified(forged(path, members, hidden))
    assert verified(forged(path, [one])) == 2
    with pytest.raises(Damaged, match="'tasks/x' would reach beyond"):
        verified(forged(path, [raw_member("tasks/x", b"1", size=10**12)]))


def test_a_member_that_is_taken_out_or_put_elsewhere_is_missed(tmp_path: Path) -> None:
    """Each member is whole and their order or number is not that of the backup: it is refused."""
    data = archive_at(tmp_path / "b.tar").read_bytes()
    first, second = data.index(b"tasks/a/1/empty"), data.index(b"runs/r/x")
    without = data[:first] + data[second:]
    exchanged = data[:first] + data[second : second + 1024] + data[first:second] + data[second + 1024 :]
    for other in (without, exchanged):
        (tmp_path / "other.tar").write_bytes(other)
        with pytest.raises(Damaged, match="not those it was closed with"):
            verified(tmp_path / "other.tar")


def test_a_newer_form_is_named_with_the_way_out(tmp_path: Path) -> None:
    """A backup of a newer version is not called damaged: it says which program to install."""
    path = archive_at(tmp_path / "b.tar", format=99, program="7.1")
    with pytest.raises(TooNew, match=r"ezaigents 7\.1 or newer"):
        verified(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 5000, b"\0" * 10240])
def test_what_is_no_backup_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    """Any other file is refused as such."""
    (tmp_path / "b.tar").write_bytes(content)
    with pytest.raises(NotABackup):
        verified(tmp_path / "b.tar")


def test_what_cannot_be_read_as_a_file_is_refused(tmp_path: Path) -> None:
    """A folder, a pipe (without waiting for a writer), and what is not there."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing"):
        with pytest.raises(InputError):
            verified(path)


def test_no_backup_replaces_another(tmp_path: Path) -> None:
    """A name that is taken is refused, whatever has it, and when it was taken meanwhile."""
    path = archive_at(tmp_path / "b.tar")
    before = path.read_bytes()
    with pytest.raises(InputError, match="there already"):
        archive_at(path)
    with pytest.raises(InputError, match="there already"), ArchiveWriter(tmp_path / "c.tar") as archive:
        archive.add(MANIFEST, b"")
        (tmp_path / "c.tar").touch()
        archive.finish()
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b.tar", "c.tar"]


def test_a_backup_that_came_at_the_last_moment_is_not_replaced(tmp_path: Path) -> None:
    """Made by another process between the last look and the name, it stays; this one is refused, or has a name left."""
    program = (
        "import sys; from pathlib import Path\n"
        "from ezaigents.backup import ArchiveWriter\n"
        "from ezaigents.errors import InputError\n"
        "target = Path(sys.argv[1])\n"
        "def first(event, args):\n"
        "    if event in ('os.rename', 'os.link') and not target.exists():\n"
        "        target.write_text('first')\n"
        "sys.addaudithook(first)\n"
        "try:\n"
        "    with ArchiveWriter(target, others=[target.with_name(name) for name in sys.argv[2:]]) as archive:\n"
        "        archive.finish()\n"
        "    print(archive.target.name)\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    for others, said in (([], "there already"), (["b-2.tar"], "b-2.tar"), (["b-2.tar", "b-3.tar"], "b-3.tar")):
        command = [sys.executable, "-c", program, str(tmp_path / "b.tar"), *others]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert said in done.stdout
        assert (tmp_path / "b.tar").read_text() == "first"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b-2.tar", "b-3.tar", "b.tar"]


def test_a_disk_without_links_takes_a_backup_too(tmp_path: Path) -> None:
    """Where a file can have one name only, as on a stick, it is renamed, and still replaces nothing."""
    program = (
        "import errno, sys; from pathlib import Path\n"
        "from ezaigents.backup import ArchiveWriter\n"
        "from ezaigents.errors import InputError\n"
        "def refuse(event, args):\n"
        "    if event == 'os.link':\n"
        "        raise OSError(errno.EPERM, 'no links')\n"
        "sys.addaudithook(refuse)\n"
        "with ArchiveWriter(Path(sys.argv[1])) as archive:\n"
        "    archive.finish()\n"
        "try:\n"
        "    with ArchiveWriter(Path(sys.argv[1]).with_name('c.tar')) as archive:\n"
        "        archive.target.touch()\n"
        "        archive.finish()\n"
        "except InputError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "b.tar")]
    assert "c.tar is there already" in subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60
    ).stdout  # fmt: skip
    assert {one.name: one.stat().st_size > 0 for one in tmp_path.iterdir()} == {"b.tar": True, "c.tar": False}


def test_what_was_not_finished_leaves_nothing(tmp_path: Path) -> None:
    """An error on the way, and a folder that is not there, leave no draft; a killed one's goes with the next."""
    with pytest.raises(ZeroDivisionError), ArchiveWriter(tmp_path / "b.tar") as archive:
        archive.add("tasks/x", b"1")
        raise ZeroDivisionError
    with pytest.raises(ConfigError):
        archive_at(tmp_path / "nowhere" / "b.tar")
    dead = tmp_path / ".b.tar.0000.ez-part"
    dead.touch()
    os.utime(dead, (1, 1))
    archive_at(tmp_path / "b.tar", LITTLE)
    assert [one.name for one in tmp_path.iterdir()] == ["b.tar"]


def test_a_file_that_shrinks_ends_the_backup(tmp_path: Path) -> None:
    """What became shorter than it was is not filled up with anything."""
    (tmp_path / "x").write_bytes(b"12")
    with (tmp_path / "x").open("rb") as file, pytest.raises(RetryLater), ArchiveWriter(tmp_path / "b.tar") as archive:
        archive.add_file("tasks/x", file.fileno(), 3)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """Where no more may be written, the error says so, names the file, and no part of it is left."""
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from ezaigents.backup import ArchiveWriter\n"
        "from ezaigents.backup.errors import NoRoom\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    with ArchiveWriter(Path(sys.argv[1])) as archive:\n"
        "        archive.add('tasks/x', b'1' * 10000)\n"
        "except NoRoom as error:\n"
        "    print(error, error.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "b.tar")], capture_output=True, text=True, check=True, timeout=60
    )
    assert "b.tar cannot be written: File too large" in done.stdout
    assert done.stdout.endswith(" 4\n")
    assert list(tmp_path.iterdir()) == []


def test_names_that_no_header_holds() -> None:
    """Long names without a slash in the right place, and those that lead out, do not fit."""
    assert fits(_LONG)
    assert not fits("tasks/" + "x" * 120)
    assert not fits("tasks/../x")
