"""What a task carries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ezaigents.agents.local import Payload, Role, decode_payload, encode_payload, summary_payload
from ezaigents.errors import InputError
from ezaigents.policy import PAYLOAD_MAX_BYTES

ODD = ["a.py", "new\nline", os.fsdecode(b"\xff\xfe"), "back\\slash", "\\udcff", "ü"]


def test_few_paths_travel_in_the_task(tmp_path: Path) -> None:
    """A short list is inline, and every name comes back as it was."""
    text = encode_payload(tmp_path, "r1", 0, ODD)
    assert text.isascii() or text.encode()
    assert decode_payload(tmp_path, text) == Payload(role=Role.FILES, paths=tuple(ODD))
    assert list(tmp_path.iterdir()) == []


def test_many_paths_travel_in_a_file(tmp_path: Path) -> None:
    """A list too long for the engine lies in the run's folder; the payload stays within its bound."""
    paths = [f"some/folder/file{n}.py" for n in range(500)] + ODD
    text = encode_payload(tmp_path, "r1", 7, paths)
    assert len(text.encode()) <= PAYLOAD_MAX_BYTES
    assert [path.name for path in (tmp_path / "runs" / "r1").iterdir()] == ["7.json"]
    assert decode_payload(tmp_path, text).paths == tuple(paths)


def test_summary_has_no_paths(tmp_path: Path) -> None:
    """The summary's payload names its role and no files."""
    assert decode_payload(tmp_path, summary_payload()) == Payload(role=Role.SUMMARY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"role":"cook"}',
        '{"role":"files"}',
        '{"role":"files","paths":["a",1]}',
        r'{"role":"files","paths":["\\uzzzz"]}',
        '{"role":"files","paths_file":"runs/r1/gone.json"}',
        '{"role":"files","paths_file":"../outside.json"}',
        '{"role":"files","paths_file":"/etc/passwd"}',
        '{"role":"files","paths_file":"runs/bad.json"}',
    ],
)
def test_bad_payloads_are_refused(tmp_path: Path, text: str) -> None:
    """What is no payload, or points outside the data folder, is a wrong input and no crash."""
    (tmp_path / "outside.json").write_text('["a"]')
    home = tmp_path / "home"
    (home / "runs").mkdir(parents=True)
    (home / "runs" / "bad.json").write_bytes(b'{"not": "a list\xff"}')
    with pytest.raises(InputError) as caught:
        decode_payload(home, text)
    assert caught.value.field == "payload"
