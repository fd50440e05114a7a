"""Text between a model and its reader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ezaigents.api.chat.listening import BrokenOff, Listener


def test_what_came_is_given_once() -> None:
    """Pieces that came since the last look are one text."""
    listener = Listener()
    listener.text("a")
    listener.text("b")
    assert [listener.take(), listener.take()] == ["ab", ""]
    listener.text("c")
    assert listener.take() == "c"


def test_what_nobody_read_may_become_void() -> None:
    """A new start drops it, and what follows is read alone."""
    listener = Listener()
    listener.text("a")
    listener.restart()
    listener.text("b")
    assert listener.take() == "b"


def test_what_was_read_cannot() -> None:
    """After the first words were read there is no new start; a look that found nothing is none."""
    listener = Listener()
    assert listener.take() == ""
    listener.restart()
    listener.text("a")
    listener.take()
    with pytest.raises(BrokenOff):
        listener.restart()


def test_whoever_waits_is_woken() -> None:
    """By text, by a cause from outside, and by time; news are told once."""

    async def story() -> None:
        listener = Listener()
        causes: list[Callable[[], None]] = [lambda: listener.text("a"), listener.wake]
        for cause in causes:
            waiting = asyncio.ensure_future(listener.wait(60))
            await asyncio.sleep(0)
            assert not waiting.done()
            cause()
            assert await waiting
        assert not await listener.wait(0.001)

    asyncio.run(story())
