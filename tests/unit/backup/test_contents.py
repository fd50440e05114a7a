"""What of a data folder goes into a backup, and in which order."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ezaigents.backup.contents import _OF_PROCESSES, KEPT, LEFT_OUT, left_out, walk
from ezaigents.backup.manifest import LeftOut
from ezaigents.codec import to_json
from ezaigents.errors import ConfigError

_PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"


def _fill(home: Path, *names: str) -> None:
    for name in names:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))


def _names(home: Path) -> tuple[list[str], list[LeftOut]]:
    passed_over: list[LeftOut] = []
    return [found.name for found in walk(home, passed_over)], passed_over


def test_what_refers_is_read_before_what_it_refers_to(tmp_path: Path) -> None:
    """Intents before tasks, a journal before its overlay, both before the blobs, the audit log from its head back."""
    _fill(
        tmp_path, "applies/i.json", "tasks/t/blobs/b", "tasks/t/12/journal.jsonl", "tasks/t/12/overlay.jsonl",
        "audit/2026-10.jsonl", "audit/2026-11.jsonl", "audit/head", "id", "state",
    )  # fmt: skip
    assert _names(tmp_path)[0] == [
        "id", "state", "applies/i.json", "tasks/t/12/journal.jsonl", "tasks/t/12/overlay.jsonl", "tasks/t/blobs/b",
        "audit/head", "audit/2026-11.jsonl", "audit/2026-10.jsonl",
    ]  # fmt: skip


def test_a_folder_is_listed_when_its_turn_comes(tmp_path: Path) -> None:
    """A blob that comes while the journal is read is in the backup too; a file that goes is passed over."""
    _fill(tmp_path, "tasks/t/1/journal.jsonl", "tasks/t/blobs/old", "tasks/u/1/report.json")
    names = []
    for found in walk(tmp_path, []):
        names.append(found.name)
        if found.name.endswith("journal.jsonl"):
            _fill(tmp_path, "tasks/t/blobs/new")
            (tmp_path / "tasks/u/1/report.json").unlink()
    assert names == ["tasks/t/1/journal.jsonl", "tasks/t/blobs/new", "tasks/t/blobs/old"]


def test_secrets_and_strangers_are_left_out_and_said(tmp_path: Path) -> None:
    """Secret files, and files that nothing here makes, are not read, and named with the reason; drafts are not."""
    _fill(
        tmp_path, "token", "access/0", "engine.password", "engine.conf", "mine.txt", "engine.lock", "host-main.log.old",
        "hosts/main.lock", "tasks/.x.1.part", "backups/b.tar",
    )  # fmt: skip
    assert _names(tmp_path) == ([], [])
    said = {left.name: left.why for left in left_out(tmp_path)}
    assert said.keys() == {"token", "access", "engine.password", "engine.conf", "mine.txt"}
    assert all(said[name].startswith("secret") for name in said if name != "mine.txt")


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    """A link to a secret, or to a folder, is not read; neither is a pipe waited for."""
    _fill(tmp_path, "secret/s", "tasks/t/x")
    (tmp_path / "tasks/t/link").symlink_to(tmp_path / "secret/s")
    (tmp_path / "runs").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "tasks/t/pipe")
    names, passed_over = _names(tmp_path)
    assert names == ["tasks/t/x"]
    assert {left.name for left in passed_over} == {"tasks/t/link", "tasks/t/pipe", "runs"}


def test_names_that_are_no_text_are_said(tmp_path: Path) -> None:
    """Any bytes may be a name: what is left out is told in words that a manifest and a terminal can hold."""
    _fill(tmp_path, "notes/x", "bad\udcff", "notes/f\udcff", "esc\x1b[31m")
    (tmp_path / "notes/l\udcff").symlink_to("x")
    names, passed_over = _names(tmp_path)
    assert set(names) == {"notes/f\udcff", "notes/x"}
    said = [left.name for left in (*left_out(tmp_path), *passed_over)]
    assert said == [r"bad\udcff", r"esc\x1b[31m", r"notes/l\udcff"]
    assert to_json(said)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_file_that_cannot_be_read_ends_the_backup(tmp_path: Path) -> None:
    """Without it the backup would not be whole, so it is named, and there is none."""
    _fill(tmp_path, "tasks/t/x")
    (tmp_path / "tasks/t/x").chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="tasks/t/x in the data folder cannot be read"):
            _names(tmp_path)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not _PAGE.exists(), reason="documents belong to the source tree")
def test_every_entry_of_the_documented_data_folder_is_decided() -> None:
    """What docs/architecture.md lists is kept, or left out for a reason: a new folder cannot be forgotten."""
    block = _PAGE.read_text("utf-8").split("## The data folder")[1].split("```text\n")[1].split("```")[0]
    listed = {re.sub(r"<\w+>", "x", name).split("/")[0] for line in block.splitlines() for name in line[:28].split()}
    undecided = [
        name for name in listed if name not in KEPT and name not in LEFT_OUT and not _OF_PROCESSES.fullmatch(name)
    ]
    assert len(listed) > 15
    assert undecided == []
