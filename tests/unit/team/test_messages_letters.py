"""What a letter may be, whom an address names, and the files of long data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ezaigents.clock import ManualClock
from ezaigents.errors import InputError, LimitReached, RetryLater
from ezaigents.ids import IdMaker
from ezaigents.records import AgentCard
from ezaigents.team.letters import HopsSpent, Letter, check_letter, is_reserved
from ezaigents.team.mail_files import MailFiles
from ezaigents.team.mailer import expand

_CARDS = (
    AgentCard(name="local", capabilities=("analyze",)),
    AgentCard(name="claude", capabilities=("edit", "review")),
    AgentCard(name="gpt", capabilities=("edit",)),
    AgentCard(name="local", capabilities=("analyze",)),  # another host's
)


def _letter(**fields: Any) -> Letter:
    plain: dict[str, Any] = {"to": "a", "sender": "b", "type": "note", "data": "hello"}
    return Letter(**(plain | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"data": ""},
        {"data": "\0\x1b[2J\r\n"},
        {"data": "x" * 65_536},
        {"data": "\u00e9" * 32_768},
        {"type": "t" * 64},
        {"type": "\u2603 ?"},
        {"hops": 16},
        {"to": "user"},
        {"task": ""},
        {"sender": "n" * 128},
    ],
)
def test_what_a_letter_may_be(fields: dict[str, Any]) -> None:
    """Any text up to 64 KiB, any printable type up to 64 characters, up to 16 hops."""
    check_letter(_letter(**fields))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("data", "x" * 65_537, "is 65537 bytes, limit 65536"),
        ("data", "\u00e9" * 32_769, "is 65538 bytes, limit 65536"),
        ("data", "\udc80", "not valid UTF-8"),
        ("type", "", "1 to 64"),
        ("type", "t" * 65, "1 to 64"),
        ("type", "a\nb", "1 to 64"),
        ("type", "\udc80", "1 to 64"),
        ("to", "", "1 to 128"),
        ("to", "n" * 129, "1 to 128"),
        ("to", "all", "expand"),
        ("to", "+edit", "expand"),
        ("sender", "", "1 to 128"),
        ("sender", "\udc80", "not valid UTF-8"),
        ("task", "t" * 129, "1 to 128"),
    ],
)
def test_what_a_letter_may_not_be(field: str, value: str, said: str) -> None:
    """The refusal names the field, and the size and the limit where there is one."""
    with pytest.raises(InputError, match=said) as refusal:
        check_letter(_letter(**{field: value}))
    assert refusal.value.field == field
    assert len(str(refusal.value)) < 300


def test_hops_are_limited() -> None:
    """The seventeenth letter in a chain of answers is refused by a limit, not as a wrong argument."""
    with pytest.raises(HopsSpent) as refusal:
        check_letter(_letter(hops=17))
    assert isinstance(refusal.value, LimitReached)
    assert (refusal.value.to, refusal.value.hops) == ("a", 17)


@pytest.mark.parametrize(
    ("to", "recipients"),
    [
        ("gpt", ("gpt",)),
        ("local", ("local",)),
        ("+edit", ("claude", "gpt")),
        ("+analyze", ("local",)),
        ("all", ("local", "claude", "gpt")),
        ("user", ("user",)),
    ],
)
def test_an_address_names_its_recipients(to: str, recipients: tuple[str, ...]) -> None:
    """Each once, in the order of their declaration."""
    assert expand(to, _CARDS) == recipients


@pytest.mark.parametrize(
    ("to", "nearest"),
    [("cluade", "'claude'"), ("+edti", "'+edit'"), ("edit", "'+edit'"), ("User", "'user'"), ("xedit", "'+edit'")],
)
def test_an_unknown_address_is_told_the_nearest(to: str, nearest: str) -> None:
    """Nobody is written to where the name is not quite right."""
    with pytest.raises(InputError, match="nobody is called") as refusal:
        expand(to, _CARDS)
    assert nearest in str(refusal.value)


@pytest.mark.parametrize("to", ["", "+", "++edit", "zzz", "x" * 10_000])
def test_an_address_that_is_like_none_gets_no_hint(to: str) -> None:
    """The refusal stays short, proposes nobody, and says where all are listed."""
    with pytest.raises(InputError) as refusal:
        expand(to, _CARDS[:1])
    assert len(str(refusal.value)) < 200
    assert "did you mean" not in str(refusal.value)
    assert "`ez agents`" in str(refusal.value)


def test_everybody_is_nobody_where_no_agent_is_declared() -> None:
    """A letter to all that reaches none is an error, not a success."""
    with pytest.raises(InputError):
        expand("all", ())


@pytest.mark.parametrize(
    ("name", "reserved"), [("user", True), ("all", True), ("+x", True), ("+", True), ("users", False), ("a+", False)]
)
def test_addresses_are_reserved_names(name: str, reserved: bool) -> None:
    """No agent may be called what an address means already."""
    assert is_reserved(name) is reserved


def test_a_file_name_that_is_not_ours_is_never_opened(tmp_path: Path) -> None:
    """What names a mail file is an id, so no name leads out of the folder."""
    files = MailFiles(tmp_path)
    for name in ("../secret", "/etc/passwd", "", "u" * 18):
        with pytest.raises(ValueError, match="does not name"):
            files.read([name])


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    """A name that was used already is refused; what it holds stays."""
    files = MailFiles(tmp_path)
    name = IdMaker(ManualClock())()
    files.write({name: "first"})
    with pytest.raises(RetryLater, match="File exists"):
        files.write({name: "second"})
    assert files.read([name]) == {name: "first"}


def test_what_is_not_ours_stays_in_the_mail_folder(tmp_path: Path) -> None:
    """Tidying deletes the files of messages and nothing else, and does not stumble over what else is there."""
    clock = ManualClock()
    files = MailFiles(tmp_path)
    files.delete_older(clock.wall_ms())
    name = IdMaker(clock)()
    files.write({name: "old"})
    (day,) = (tmp_path / "mail").iterdir()
    (day / "README.txt").write_text("mine")
    (tmp_path / "mail" / "notes").mkdir()
    (tmp_path / "mail" / "0").write_text("a file")
    clock.advance(3 * 86_400)
    files.delete_older(clock.wall_ms())
    assert sorted(path.name for path in (tmp_path / "mail").rglob("*")) == sorted(
        [day.name, "README.txt", "notes", "0"]
    )
