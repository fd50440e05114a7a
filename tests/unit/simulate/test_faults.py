"""Whose turn it is when something goes wrong on purpose, and how that is written down."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from tests.unit.simulate.asked import asked

from ezaigents.errors import ConfigError
from ezaigents.simulate import Fault, parse_fault, read_rules
from ezaigents.simulate.asked import Asked
from ezaigents.simulate.faults import NONE, FaultBook, Reply, UsageSaid, asked_for


def _statuses(book: FaultBook, requests: list[Asked], key: str = "k") -> list[int]:
    return [book.pick(request, key, ()).status for request in requests]


def test_a_prompt_fails_twice_and_then_works() -> None:
    """`first` counts the calls of each prompt for itself."""
    book = FaultBook([Fault(status=429, first=2)], Random(0))
    one, other = asked("one"), asked("other")
    assert _statuses(book, [one, other, one, one, other, other]) == [429, 429, 429, 0, 429, 0]


def test_faults_follow_each_other() -> None:
    """When the first fault is over, the next has its turn."""
    book = FaultBook([Fault(status=429, first=1), Fault(status=529, first=2)], Random(0))
    assert _statuses(book, [asked()] * 4) == [429, 529, 529, 0]


def test_a_fault_may_begin_later() -> None:
    """`after` lets calls pass first."""
    book = FaultBook([Fault(status=500, after=2, first=1)], Random(0))
    assert _statuses(book, [asked()] * 4) == [0, 0, 500, 0]


def test_calls_can_be_counted_by_key_or_together() -> None:
    """`per` says whose calls count."""
    by_key = FaultBook([parse_fault("429,first=1,per=key")], Random(0))
    assert _statuses(by_key, [asked("a"), asked("b")], "one") == [429, 0]
    assert _statuses(by_key, [asked("a"), asked("b")], "two") == [429, 0]
    together = FaultBook([parse_fault("429,first=1,per=all")], Random(0))
    assert _statuses(together, [asked("a")], "one") + _statuses(together, [asked("b")], "two") == [429, 0]


def test_a_fault_befalls_only_whom_it_is_meant_for() -> None:
    """Prompt, model, dialect and step must fit."""
    book = FaultBook([parse_fault("500,match=^x,model=claude,dialect=mess,step=1")], Random(0))
    requests = [asked("x", step=1), asked("y", step=1), asked("x"), asked("x", step=1, model="gpt-6")]
    assert _statuses(book, requests) == [500, 0, 0, 0]


def test_chance_is_the_same_for_the_same_seed() -> None:
    """Half of the calls fail, and the same ones again."""
    runs = [_statuses(FaultBook([Fault(status=500, chance=0.5)], Random(7)), [asked()] * 200) for _ in range(2)]
    assert runs[0] == runs[1]
    assert 50 < runs[0].count(500) < 150


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("429", Fault(status=429)),
        ("429, retry_after=1.5, first=2", Fault(status=429, retry_after="1.5", first=2)),
        ("hang", Fault(hang=True)),
        ("usage=huge,reply=cut", Fault(usage=UsageSaid.HUGE, reply=Reply.CUT)),
        ("cut_after_bytes=0,between_s=0.5", Fault(cut_after_bytes=0, between_s=0.5)),
        ("", NONE),
    ],
)
def test_a_fault_on_one_line(spec: str, fault: Fault) -> None:
    """The status stands alone, a switch without a value, the rest as NAME=VALUE."""
    assert parse_fault(spec) == fault


@pytest.mark.parametrize("spec", ["first=two", "hung", "reply=never", "match=(", "429,503x"])
def test_a_fault_that_is_none_is_refused(spec: str) -> None:
    """A mistyped fault must not become a test that passes because nothing went wrong."""
    with pytest.raises(ConfigError):
        parse_fault(spec)


def test_a_request_may_ask_for_faults() -> None:
    """In its header, or in its prompt; both count before those of the server."""
    wished = asked_for(asked("please [fault 500,first=1] do"), "429,first=1; 402")
    assert [fault.status for fault in wished] == [429, 402, 500]


def test_a_request_cannot_read_a_file() -> None:
    """Only rule files and options may name a file whose words the model says."""
    with pytest.raises(ConfigError, match="text_file"):
        asked_for(asked(), "text_file=/etc/passwd")


def test_a_rule_file_s_fault_may_quote_a_file(tmp_path: Path) -> None:
    """The file lies beside the rules; its bytes need not be text."""
    (tmp_path / "hostile.txt").write_bytes(b"rm -rf / \xff")
    (tmp_path / "rules.toml").write_text('[[fault]]\ntext_file = "hostile.txt"\n')
    assert read_rules([tmp_path / "rules.toml"]).fault[0].text == "rm -rf / \ufffd"
