"""What a running task says: pieces in their places, little to nobody, and nothing while nothing is said."""

from __future__ import annotations

import asyncio

import pytest
from tests.leaks import run, until

from ezaigents.api.watching import SoFar
from ezaigents.codec import from_json
from ezaigents.errors import EngineDown
from ezaigents.records import SaidText
from ezaigents.runtime import voice as voices
from ezaigents.runtime.voice import KEPT_MOST_CHARS, RunVoice


class _Hall:
    """Hears what is published; `heard` is how many are in it."""

    def __init__(self, heard: int = 1) -> None:
        self.heard = heard
        self.told: list[SaidText] = []
        self.is_down = False

    async def tell(self, message: bytes) -> int:
        if self.is_down:
            raise EngineDown("away")
        self.told.append(from_json(message, SaidText))
        return self.heard

    def together(self) -> SoFar:
        """What one who heard all of it has."""
        so_far = SoFar()
        for said in self.told:
            so_far = so_far.followed_by(said)
        return so_far


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "SOON_S", 0.01)
    monkeypatch.setattr(voices, "LATER_S", 0.03)


def test_pieces_make_the_whole_and_are_told_once() -> None:
    """Whoever hears all of it has the text of the step; each character is sent once."""

    async def story() -> None:
        hall = _Hall()
        voice = RunVoice(hall.tell)
        text = "".join(f"{number} ä " for number in range(300))
        for start in range(0, len(text), 7):
            voice.say(1, text[start : start + 7])
            if not start % 70:
                await asyncio.sleep(0.005)
        await until(lambda: hall.together().text == text)
        assert sum(len(said.text) for said in hall.told) == len(text)
        voice.say(2, "next")
        await until(lambda: hall.together() == SoFar(2, 0, "next"))
        await voice.close()

    run(story())


def test_what_is_void_is_told_anew() -> None:
    """A try that failed leaves nothing of its text; the next one begins at its beginning."""

    async def story() -> None:
        hall = _Hall()
        voice = RunVoice(hall.tell)
        voice.say(1, "half an ans")
        await until(lambda: hall.together().text == "half an ans")
        voice.start_over(1)
        voice.say(1, "whole")
        await until(lambda: hall.together() == SoFar(1, 0, "whole"))
        await voice.close()

    run(story())


def test_to_nobody_little_is_said_and_who_comes_hears_what_is_kept() -> None:
    """Messages rest longer while nobody hears them; the next one begins with all that is kept."""

    async def story() -> None:
        hall = _Hall(heard=0)
        voice = RunVoice(hall.tell)
        for _ in range(200):
            voice.say(1, "x" * 50)
            await asyncio.sleep(0.001)
        await until(lambda: voice._telling is None)
        assert len(hall.told) < 50
        hall.heard = 1
        hall.told.clear()
        voice.say(1, "end")
        await until(lambda: bool(hall.told))
        assert hall.told[0].text.endswith("xend")
        assert len(hall.told[0].text) == KEPT_MOST_CHARS
        assert hall.told[0].at == 200 * 50 + 3 - KEPT_MOST_CHARS
        await voice.close()

    run(story())


def test_nothing_is_sent_while_nothing_is_said() -> None:
    """One message for what was said, and no other; none at all after the end."""

    async def story() -> None:
        hall = _Hall(heard=0)
        voice = RunVoice(hall.tell)
        voice.went_on()
        await until(lambda: bool(hall.told))
        await asyncio.sleep(0.2)
        assert [said.moved for said in hall.told] == [True]
        await voice.close()
        voice.say(1, "too late")
        await asyncio.sleep(0.1)
        assert len(hall.told) == 1

    run(story())


def test_an_engine_that_is_away_costs_only_the_words() -> None:
    """Nothing fails; when it is back, what is kept is told."""

    async def story() -> None:
        hall = _Hall()
        hall.is_down = True
        voice = RunVoice(hall.tell)
        voice.say(1, "first ")
        await until(lambda: voice._telling is None)
        hall.is_down = False
        voice.say(1, "second")
        await until(lambda: hall.together().text == "first second")
        await voice.close()

    run(story())


def test_what_was_missed_is_not_made_up() -> None:
    """Behind a gap the text begins where it was heard again; what overlaps is taken once; only so much is kept."""
    so_far = SoFar(3, 0, "abcdef")
    assert so_far.followed_by(SaidText(step=3, at=6, text="gh")) == SoFar(3, 0, "abcdefgh")
    assert so_far.followed_by(SaidText(step=3, at=4, text="EFG")) == SoFar(3, 0, "abcdEFG")
    assert so_far.followed_by(SaidText(step=3, at=9, text="jk")) == SoFar(3, 9, "jk")
    assert so_far.followed_by(SaidText(step=4, at=0, text="new")) == SoFar(4, 0, "new")
    long = so_far.followed_by(SaidText(step=3, at=6, text="x" * 5000))
    assert (len(long.text), long.at) == (4000, 1006)
