"""A card as Markdown and HTML: all of it, safe whatever it says, and kept in files that are found again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.unit.scorecard.measured import hostile, measuring

from ezaigents.errors import ConfigError
from ezaigents.scorecard import keep, keep_of, newest, read_kept, read_prices, tables_of
from ezaigents.scorecard.card import Kept
from ezaigents.scorecard.keeping import folder_of
from ezaigents.scorecard.markdown import to_markdown
from ezaigents.scorecard.samples import Measuring
from ezaigents.scorecard.webpage import to_html
from ezaigents.scorecard.wording import number, saving

_HOSTILE = "<script>alert(1)</script>|\n## x"


def _kept(measured: Measuring | None = None) -> Kept:
    return keep_of(measured or measuring(), read_prices())


def test_every_table_is_in_both() -> None:
    """With its title, and each cell of verdicts."""
    card = _kept().card
    page, text = to_html(card), to_markdown(card)
    titles = [table.title for table in tables_of(card)]
    assert len(titles) >= 7
    assert not [title for title in titles if title not in page or title not in text]
    assert "<svg" in page


def test_the_page_needs_nothing_and_runs_nothing() -> None:
    """No script, no address of anything else."""
    page = to_html(_kept().card)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "").replace("(HTTP", "")
    assert "prefers-color-scheme: dark" in page


def test_what_a_fleet_or_a_machine_says_is_shown_and_never_markup() -> None:
    """In cells, lines and titles of both forms."""
    card = _kept(hostile(_HOSTILE)).card
    assert "<script" not in to_html(card)
    assert "&lt;script" in to_html(card)
    text = to_markdown(card)
    assert "\n## x" not in text


def test_a_busy_machine_and_a_partial_result_are_told_first() -> None:
    """Before any figure."""
    busy = msgspec.structs.replace(measuring().machine, load_1min=1.5)
    card = _kept(measuring(machine=busy, partial="it was interrupted")).card
    for told in (to_html(card), to_markdown(card)):
        assert told.index("interrupted") < told.index("Before and after")
        assert told.index("load average 1.5 on 2 cores") < told.index("Before and after")
    assert _kept().card.busy == ""


def test_what_is_kept_is_found_and_read_again(tmp_path: Path) -> None:
    """The newest of several, with every raw sample."""
    for at in ("2026-11-29T10:00:00Z", "2026-11-30T09:00:00Z", "2026-11-28T10:00:00Z"):
        kept = _kept(measuring(at=at))
        keep(kept, folder_of(tmp_path, at))
    found = newest(tmp_path)
    assert found is not None
    assert read_kept(found) == _kept(measuring(at="2026-11-30T09:00:00Z"))
    assert newest(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b'{"card": {"at": 1}}'])
def test_a_file_that_was_spoilt_says_which(tmp_path: Path, data: bytes) -> None:
    """And what to do."""
    folder = tmp_path / "scorecards" / "x"
    folder.mkdir(parents=True)
    (folder / "scorecard.json").write_bytes(data)
    with pytest.raises(ConfigError, match="make one with `ez scorecard`") as told:
        read_kept(folder)
    assert "scorecard.json" in str(told.value)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """Naming the option."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--out"):
        keep(_kept(), tmp_path / "file" / "x")


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (1234.5, "1,234"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.012")]
)
def test_numbers_have_the_digits_they_deserve(value: float, words: str) -> None:
    """Three that count."""
    assert number(value) == words


def test_less_is_a_minus_and_more_says_so() -> None:
    """A saving of nothing is none."""
    assert [saving(80.04), saving(-3.0), saving(None)] == ["-80.0 %", "+3.0 %", "-"]
    assert [saving(99.97), saving(100.0)] == ["-99.9 %", "-100.0 %"]
