"""What a task carries for its agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.agents.model.brief import Brief, decode_brief, encode_brief
from ezaigents.errors import InputError
from ezaigents.policy import PAYLOAD_MAX_BYTES


@pytest.mark.parametrize(
    "brief",
    [
        Brief(),
        Brief(paths=("src/a.py", "docs"), check=("make", "test")),
        Brief(paths=("caf\udce9.py",)),
        Brief(paths=tuple(f"folder/file-{number}.py" for number in range(500))),
    ],
)
def test_a_brief_reads_back_as_it_was(tmp_path: Path, brief: Brief) -> None:
    """Short ones travel in the task, long ones in a file; names that are no UTF-8 survive."""
    text = encode_brief(tmp_path, "run", brief)
    assert len(text.encode()) <= PAYLOAD_MAX_BYTES
    assert decode_brief(tmp_path, text) == brief


@pytest.mark.parametrize("text", ["[]", "{", '{"role":"files","paths":["a"]}', '{"role":"brief","brief":3}'])
def test_a_payload_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    """What is no brief is named as such, never guessed at."""
    with pytest.raises(InputError, match="payload"):
        decode_brief(tmp_path, text)


@pytest.mark.parametrize("name", ["runs/x/brief.json", "../../etc/passwd", "/etc/passwd"])
def test_a_brief_whose_file_is_gone_or_outside_is_refused(tmp_path: Path, name: str) -> None:
    """A brief never leads out of the data folder."""
    with pytest.raises(InputError, match="submit the run again"):
        decode_brief(tmp_path, f'{{"role":"brief","file":"{name}"}}')


def test_a_task_without_payload_has_an_empty_brief(tmp_path: Path) -> None:
    """A task that a program handed in without one is about everything."""
    assert decode_brief(tmp_path, "") == Brief()
