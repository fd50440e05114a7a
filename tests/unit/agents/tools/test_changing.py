"""Changing files: all of a call or nothing, and only what was read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.unit.agents.tools.desk import Desk, use

from ezaigents.agents.tools import Toolbox


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_edit_answers_with_what_is_there_now(desk: Desk, box: Toolbox) -> None:
    """The new hash, the lines that changed and a few around them; the workspace itself is untouched."""
    place = desk.put("a.py", "".join(f"{n}\n" for n in range(1, 21)))
    edits = [{"old": "5\n6\n", "new": "five\n"}, {"old": "19\n", "new": ""}]
    outcome = use(box, "edit", path="a.py", sha256=_sha(place.read_bytes()), edits=edits)
    now = desk.files.read("a.py")
    assert now.data.startswith(b"1\n2\n3\n4\nfive\n7\n") and b"19" not in now.data
    assert outcome.text.startswith(
        f"path: a.py  sha256: {now.sha256}  changed lines: 5-5, after 17\n~~~~\n3\n4\nfive\n7\n"
    )
    assert outcome.changed == ("a.py",)
    assert b"five" not in place.read_bytes()


def test_edits_are_all_made_or_none(desk: Desk, box: Toolbox) -> None:
    """When the second cannot be made the first is not made either, and the answer says which it was."""
    place = desk.put("a.py", "x = 1\n")
    edits = [{"old": "x", "new": "y"}, {"old": "nowhere", "new": ""}]
    outcome = use(box, "edit", path="a.py", sha256=_sha(b"x = 1\n"), edits=edits)
    assert outcome.failed and "edit 2 of 2" in outcome.text and "nothing was changed" in outcome.text
    assert desk.files.read("a.py").data == place.read_bytes()
    assert desk.files.changes() == ()


def test_a_stale_edit_is_shown_the_difference(desk: Desk, box: Toolbox) -> None:
    """Whoever changed the file meanwhile loses nothing, and the model sees what changed since it read it."""
    desk.put("a.py", "x = 1\n")
    use(box, "read", path="a.py")
    desk.put("a.py", "x = 2\n")
    outcome = use(box, "edit", path="a.py", sha256=_sha(b"x = 1\n"), edits=[{"old": "x", "new": "y"}])
    assert outcome.failed and not outcome.malformed
    assert "changed since you read it" in outcome.text
    assert "-x = 1\n+x = 2\n" in outcome.text and outcome.text.endswith("~~~~")
    assert desk.files.changes() == ()


def test_an_edit_repeated_is_refused(desk: Desk, box: Toolbox) -> None:
    """The same call a second time carries the old hash, so that nothing is applied twice."""
    desk.put("a.py", "x\n")
    arguments = {"path": "a.py", "sha256": _sha(b"x\n"), "edits": [{"old": "x", "new": "xx"}]}
    assert not use(box, "edit", None, **arguments).failed
    assert use(box, "edit", None, **arguments).failed
    assert desk.files.read("a.py").data == b"xx\n"


def test_text_cannot_grow_beyond_the_limit(desk: Desk, box: Toolbox) -> None:
    """What could not be written is refused before it is made, however often it is doubled."""
    desk.put("a.txt", "x" * 1000)
    big = [{"old": "x", "new": "y" * 1000, "count": 1000}]
    assert "file too large" in use(box, "edit", path="a.txt", sha256=_sha(b"x" * 1000), edits=big).text
    desk.put("b.txt", "x" * 200_000)
    huge = [{"old": "x", "new": "y" * 900_000, "count": 200_000}]  # more than there is memory
    assert "file too large" in use(box, "edit", path="b.txt", sha256=_sha(b"x" * 200_000), edits=huge).text
    doubled = [{"old": "x", "new": "xx", "count": 1000 * 2**n} for n in range(60)]
    assert "file too large" in use(box, "edit", path="a.txt", sha256=_sha(b"x" * 1000), edits=doubled).text


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_an_edit_keeps_the_encoding(desk: Desk, box: Toolbox, encoding: str) -> None:
    """A file in another encoding stays in it, and is shown as text."""
    data = "grün\r\nblau\r\n".encode(encoding)
    desk.put("a.txt", data)
    outcome = use(box, "edit", path="a.txt", sha256=_sha(data), edits=[{"old": "grün\n", "new": "röt\n"}])
    assert "röt" in outcome.text
    assert desk.files.read("a.txt").data == "röt\r\nblau\r\n".encode(encoding)


def test_files_are_made_replaced_moved_and_deleted(desk: Desk, box: Toolbox) -> None:
    """Each step carries the hash that the one before answered."""
    assert use(box, "write", path="new/b.py", content="1\n").changed == ("new/b.py",)
    assert use(box, "write", path="new/b.py", content="2\n").failed
    assert not use(box, "write", path="new/b.py", content="2\n", sha256=_sha(b"1\n")).failed
    assert use(box, "rename", path="new/b.py", to="c.py", sha256=_sha(b"2\n")).changed == ("new/b.py", "c.py")
    assert desk.files.read("c.py").data == b"2\n"
    assert use(box, "delete", path="c.py", sha256=_sha(b"1\n")).failed
    assert not use(box, "delete", path="c.py", sha256=_sha(b"2\n")).failed
    assert desk.files.changes() == ()
    assert list(desk.workspace.iterdir()) == []


def test_each_file_is_announced_once_before_it_changes(desk: Desk, box: Toolbox) -> None:
    """Others hear of a file before work is spent on it; not of one that may not be changed."""
    use(box, "write", path="./a.py", content="1")
    use(box, "write", path="a.py", content="2", sha256=_sha(b"1"))
    use(box, "rename", path="a.py", to="b.py", sha256=_sha(b"2"))
    use(box, "write", path="../out.py", content="")
    use(box, "write", path=".git/config", content="")
    use(box, "write", path=".gitattributes", content="")
    assert desk.means == ["a.py", "b.py"]


@pytest.mark.parametrize("sha256", ["", "0" * 63, "0" * 65, "G" * 64, "../" * 21 + "a", "0" * 64 + "\n"])
def test_a_hash_has_its_form(desk: Desk, box: Toolbox, sha256: str) -> None:
    """What is no hash is a wrong call, never a name of anything."""
    desk.put("a.py", "x\n")
    assert use(box, "delete", path="a.py", sha256=sha256).malformed


def test_a_hard_link_keeps_the_other_file(desk: Desk, box: Toolbox, tmp_path: Path) -> None:
    """A changed file is written anew, so that another name of the old one keeps what it had."""
    other = tmp_path / "other"
    other.write_text("x\n")
    (desk.workspace / "a.py").hardlink_to(other)
    assert not use(box, "edit", path="a.py", sha256=_sha(b"x\n"), edits=[{"old": "x", "new": "y"}]).failed
    assert other.read_text() == "x\n"
