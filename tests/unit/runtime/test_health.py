"""What ails a host and its agents: facts in, reasons out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ezaigents.codec import to_json
from ezaigents.records import Health
from ezaigents.runtime.health import (
    DISK_LEAST_BYTES,
    NAMED_MOST,
    Checkup,
    HealthBook,
    History,
    HostFacts,
    PlainHistory,
    host_ails,
    make_history,
)
from ezaigents.settings import Settings

_WELL = HostFacts(memory_bytes=1, memory_limit_bytes=2**30, late_s=0.0, disk_free_bytes=2**40)


@pytest.fixture(params=["bounded", "plain"])
def book(request: pytest.FixtureRequest) -> History:
    """Each of the two, as the settings make them."""
    return make_history(Settings(memory=request.param))


def _failing(book: History, agent: str, times: int = 3, error: str = "boom") -> None:
    for _ in range(times):
        book.failed(agent, error)


def _checkup(book: HealthBook, home: Path, limit_bytes: int = 2**50) -> Checkup:
    return Checkup(book, home, memory_limit_bytes=limit_bytes)


# -- agents ----------------------------------------------------------------------------------------------------------


def test_three_failures_in_a_row_are_an_ailment(book: History) -> None:
    """Two may be bad tasks; a third in a row makes the agent degraded, with the last reason."""
    _failing(book, "a", times=2)
    assert book.ailing() == {}
    book.failed("a", "no route")
    assert book.ailing() == {"a": "3 attempts in a row failed: no route"}


def test_one_success_heals_and_interrupts_the_row(book: History) -> None:
    """An agent is well again at its first success, and has to fail three more times after it."""
    _failing(book, "a")
    book.succeeded("a")
    assert book.ailing() == {}
    _failing(book, "a", times=2)
    assert book.ailing() == {}


def test_more_of_the_same_is_no_news(book: History) -> None:
    """The reason does not change while an agent goes on failing in the same way, so nothing has to be sent."""
    _failing(book, "a")
    before = book.ailing()
    _failing(book, "a", times=7)
    assert book.ailing() == before


def test_agents_do_not_count_for_each_other(book: History) -> None:
    """Three agents that failed once each are well."""
    for agent in ("a", "b", "c"):
        book.failed(agent, "boom")
    assert book.ailing() == {}


def test_nothing_is_kept_of_agents_that_work() -> None:
    """10,000 agents that succeed cost nothing, and one that failed costs nothing once it has succeeded."""
    book = HealthBook()
    for number in range(10_000):
        book.succeeded(f"agent{number}")
    _failing(book, "a")
    assert len(book) == 1
    book.succeeded("a")
    assert len(book) == 0


def test_the_plain_one_keeps_everything() -> None:
    """Every end of every attempt, for as long as the host lives."""
    book = PlainHistory()
    for number in range(1000):
        book.succeeded(f"agent{number % 7}")
    assert len(book) == 1000


def test_a_long_error_is_cut(tmp_path: Path) -> None:
    """120 bytes of an error travel, cut between characters; what JSON cannot carry is escaped."""
    book = HealthBook()
    _failing(book, "a", error="é" * 5000)
    _failing(book, "b", error="\udcff")
    health = _checkup(book, tmp_path).look(0.0)
    assert len(health.agents["a"].encode()) <= len("3 attempts in a row failed: ") + 120
    assert health.agents["a"].endswith("é…")
    assert to_json(health)


def test_at_most_twenty_agents_are_named(tmp_path: Path) -> None:
    """Those that have been failing for longest are named, the others counted; so a heartbeat stays below 5 KiB."""
    book = HealthBook()
    for number in range(10_000):
        _failing(book, f"agent{number}", error="x" * 500)
    health = _checkup(book, tmp_path).look(0.0)
    assert list(health.agents) == [f"agent{number}" for number in range(NAMED_MOST)]
    assert health.more == 10_000 - NAMED_MOST
    assert len(to_json(health)) < 5 * 1024


# -- the host --------------------------------------------------------------------------------------------------------


def test_a_host_without_ailments_says_nothing(tmp_path: Path) -> None:
    """Being well is no news."""
    assert host_ails(_WELL) == ""
    assert _checkup(HealthBook(), tmp_path).look(0.0) == Health()


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        ({"memory_bytes": 2**30}, "its memory is at the limit of 1,024 MiB"),
        ({"late_s": 2.001}, "its event loop was more than 2 s late"),
        ({"disk_free_bytes": DISK_LEAST_BYTES - 1}, "less than 64 MiB are free for its data folder"),
        ({"disk_free_bytes": 0, "disk_error": "gone"}, "its data folder cannot be written: gone"),
        (
            {"durability": "everysec", "durability_wanted": "always"},
            "its engine's durability is everysec, not always as configured",
        ),
    ],
)
def test_each_ailment_has_its_words(fact: dict[str, Any], words: str) -> None:
    """One fact beyond its limit is one reason."""
    assert host_ails(msgspec.structs.replace(_WELL, **fact)) == words


@pytest.mark.parametrize(
    "fact",
    [
        {"memory_bytes": 2**30 - 1},
        {"late_s": 2.0},
        {"disk_free_bytes": DISK_LEAST_BYTES},
        {"durability": "always", "durability_wanted": "always"},
        {"durability": "none"},
    ],
)
def test_what_is_just_within_its_limit_is_well(fact: dict[str, Any]) -> None:
    """A limit that is just reached ails nobody; of an engine that others configure nothing is expected."""
    assert host_ails(msgspec.structs.replace(_WELL, **fact)) == ""


def test_several_ailments_are_all_told() -> None:
    """None hides another, and readings that move are not part of the words."""
    ill = msgspec.structs.replace(_WELL, memory_bytes=2**31, late_s=9.0)
    assert host_ails(ill) == "its memory is at the limit of 1,024 MiB; its event loop was more than 2 s late"
    assert host_ails(msgspec.structs.replace(ill, memory_bytes=2**32, late_s=3.0)) == host_ails(ill)


def test_this_process_and_its_disk_are_looked_at(tmp_path: Path) -> None:
    """Memory, lateness and the data folder of a checkup are the real ones."""
    book = HealthBook()
    assert "1 MiB" in _checkup(book, tmp_path, limit_bytes=2**20).look(0.0).host
    assert "late" in _checkup(book, tmp_path).look(2.5).host
    assert "cannot be written: No such file" in _checkup(book, tmp_path / "gone").look(0.0).host
