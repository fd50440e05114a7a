"""The files of grants: which of them count."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from ezaigents.access import Access, GrantKind, Role
from ezaigents.errors import RetryLater


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path)


def test_what_is_written_is_for_its_owner_alone(access: Access, tmp_path: Path) -> None:
    """The folder, every grant and the file `token` are closed to others, whatever the umask is."""
    before = os.umask(0)
    try:
        access.own_token()
        access.give(Role.READ, "one")
    finally:
        os.umask(before)
    assert (tmp_path / "access").stat().st_mode & 0o777 == 0o700
    files = [tmp_path / "token", *(tmp_path / "access").iterdir()]
    assert len(files) == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666])
def test_a_file_that_others_can_reach_does_not_count(access: Access, tmp_path: Path, mode: int) -> None:
    """A grant that somebody else could have read or written opens nothing."""
    given = access.give(Role.ADMIN, "one")
    path = tmp_path / "access" / given.grant.id
    path.chmod(mode)
    assert access.find(given.text, GrantKind.TOKEN) is None
    assert access.all() == []
    path.chmod(0o600)
    assert access.find(given.text, GrantKind.TOKEN) is not None


def test_a_link_to_a_file_does_not_count(access: Access, tmp_path: Path) -> None:
    """A grant is a file of its own: a symbolic link to one, even to a good one, opens nothing."""
    given = access.give(Role.ADMIN, "one")
    path = tmp_path / "access" / given.grant.id
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert access.find(given.text, GrantKind.TOKEN) is None


def test_what_is_no_regular_file_does_not_count_and_stops_nobody(access: Access, tmp_path: Path) -> None:
    """A folder or a pipe in a grant's place opens nothing, and nobody waits for what comes out of it."""
    given, other = access.give(Role.ADMIN, "one"), access.give(Role.ADMIN, "other")
    for grant, make in ((given.grant, os.mkfifo), (other.grant, os.mkdir)):
        (tmp_path / "access" / grant.id).unlink()
        make(tmp_path / "access" / grant.id, 0o600)
    assert access.find(given.text, GrantKind.TOKEN) is None
    assert access.find(other.text, GrantKind.TOKEN) is None
    assert access.all() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_does_not_count(access: Access, tmp_path: Path) -> None:
    """A grant that is not ours opens nothing, however closed it is."""
    given = access.give(Role.ADMIN, "one")
    os.chown(tmp_path / "access" / given.grant.id, 12345, -1)
    assert access.find(given.text, GrantKind.TOKEN) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"[" * 4000,
        b'{"more":' + b"[" * 4000,
        b'{"id":5}',
        b'{"id":"\xff"}',
        b"\xff\xfe",
        b"\0" * 100,
        b'{"id":"0","kind":"king","role":"admin","name":"","digest":"","made_ms":0}',
        b'{"id":"0","kind":"token","role":"god","name":"","digest":"","made_ms":0}',
    ],
)
def test_a_damaged_file_opens_nothing_and_harms_nobody(access: Access, tmp_path: Path, data: bytes) -> None:
    """Whatever is in a grant's file, it is then nobody's, and the others are good and listed as before."""
    good, damaged = access.give(Role.READ, "good"), access.give(Role.ADMIN, "damaged")
    (tmp_path / "access" / damaged.grant.id).write_bytes(data)
    assert access.find(damaged.text, GrantKind.TOKEN) is None
    assert access.find(good.text, GrantKind.TOKEN) is not None
    assert [grant.name for grant in access.all()] == ["good"]
    access.give(Role.READ, "another")


def test_a_grant_that_cannot_be_read_now_is_not_taken_for_none(access: Access) -> None:
    """While the process has no more files to open, a good token is not a wrong one: it may be tried again."""
    given = access.give(Role.ADMIN, "one")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.dup(0)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
    try:
        with pytest.raises(RetryLater):
            access.find(given.text, GrantKind.TOKEN)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert access.find(given.text, GrantKind.TOKEN) == given.grant


def test_other_files_in_the_folder_are_left_alone(access: Access, tmp_path: Path) -> None:
    """What has no grant's name is neither read nor removed, even where it holds a grant, as a draft does."""
    given = access.give(Role.READ, "one")
    data = (tmp_path / "access" / given.grant.id).read_bytes()
    for name in ("README", f".{given.grant.id}.01234567.part", f"{given.grant.id}~", given.grant.id.upper() + "F"):
        (tmp_path / "access" / name).write_bytes(data)
        (tmp_path / "access" / name).chmod(0o600)
    assert [grant.name for grant in access.all()] == ["one"]
    access.give(Role.READ, "two")
    assert len(list((tmp_path / "access").iterdir())) == 6
