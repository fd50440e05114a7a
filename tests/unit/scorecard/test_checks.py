"""The seven boxes: what ticks them, and that what is not known ticks none."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.scorecard.measured import MB, measuring, sample

from ezaigents.scorecard.checks import all_pass, boxes_of
from ezaigents.scorecard.samples import AFTER, BEFORE, Kind, Measuring, Sample, Size
from ezaigents.scorecard.shown import Box, Verdict

_START, _MEMORY, _SIZE, _ENGINE, _NETWORK, _TESTS, _SPEED = range(7)


def _boxes(measured: Measuring) -> list[Box]:
    return boxes_of(measured)


def _changed(**changes: object) -> Measuring:
    return measuring(sample(BEFORE, 0, 20.0), sample(AFTER, 1, 1.0, **changes))


def _work(**changes: object) -> object:
    made = sample(AFTER).work
    assert made is not None
    return msgspec.structs.replace(made, **changes)


def _storage(used_bytes: int) -> object:
    made = sample(AFTER).storage
    assert made is not None
    return msgspec.structs.replace(made, used_bytes=used_bytes)


def test_all_seven_are_ticked_where_all_is_well() -> None:
    """In the order of the plan."""
    boxes = _boxes(measuring(sample(BEFORE, 0, 20.0), sample(AFTER, 1)))
    assert len(boxes) == 7
    assert all_pass(boxes)


@pytest.mark.parametrize(
    ("box", "measured"),
    [
        (_START, _changed(started_s=60.0)),
        (_MEMORY, _changed(work=_work(peak_rss_bytes=3000 * MB))),
        (_SIZE, measuring(installed=Size(bytes=200 * MB, what="all"))),
        (_SIZE, measuring(image=Size(bytes=201 * MB, what="an image"))),
        (_ENGINE, _changed(storage=_storage(200 * MB))),
        (_NETWORK, measuring(sample(BEFORE, 0, 9.0), sample(AFTER, 1))),
        (_TESTS, _changed(kinds=(Kind("edit", "gpt", "dead"),))),
        (_SPEED, _changed(work=_work(took_s=4.0))),
    ],
)
def test_each_box_fails_at_its_limit(box: int, measured: Measuring) -> None:
    """It alone, and then not all pass."""
    boxes = _boxes(measured)
    assert boxes[box].verdict is Verdict.FAIL, boxes[box]
    assert not all_pass(boxes)


@pytest.mark.parametrize("box", [_START, _MEMORY, _ENGINE, _NETWORK, _TESTS, _SPEED])
def test_what_was_not_measured_ticks_nothing(box: int) -> None:
    """No fleet with everything on was measured to its end."""
    boxes = _boxes(measuring(sample(BEFORE), Sample(profile=AFTER, number=1, load_1min=0, error="it ended")))
    assert boxes[box].verdict is Verdict.UNKNOWN
    assert not all_pass(boxes)


def test_the_self_check_says_that_it_is_no_test_suite() -> None:
    """Nobody shall take it for more."""
    assert "not the test suite" in _boxes(measuring())[_TESTS].found
