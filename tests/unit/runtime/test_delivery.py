"""What either delivery hears, and that it is silent once stopped."""

from __future__ import annotations

import asyncio

from ezaigents.engine import Address, Connection
from ezaigents.queue import Keys
from ezaigents.runtime import PollDelivery, PushDelivery


def test_push_hears_only_of_its_own_lanes() -> None:
    """Other channels, and other namespaces, are not work; before the start and after the stop nothing is."""

    async def story() -> None:
        keys, noticed, looked = Keys("n"), list[str](), list[int]()
        delivery = PushDelivery(Connection(Address(path="/nowhere")), keys)
        delivery.on_heard(keys.wake("early@p"))
        delivery._notice, delivery._look = noticed.append, lambda: looked.append(1)
        delivery.on_heard(keys.wake("a@p"))
        delivery.on_heard(keys.wake("a@p!"))
        delivery.on_heard(keys.wake(""))
        delivery.on_heard(keys.control("main"))
        delivery.on_heard(Keys("m").wake("b@p"))
        delivery.stop()
        delivery.on_heard(keys.wake("late@p"))
        assert (noticed, looked) == (["a@p", "a@p!"], [1])

    asyncio.run(story())


def test_poll_looks_again_and_again_until_it_is_stopped() -> None:
    """Polling looks at once and then at each turn; hints mean nothing to it; once stopped it is silent."""

    async def story() -> None:
        looked = asyncio.Queue[int]()
        delivery = PollDelivery(0.001)
        await delivery.start(lambda lane: looked.put_nowait(-1), lambda: looked.put_nowait(1))
        async with asyncio.timeout(5):
            assert [await looked.get() for _ in range(3)] == [1, 1, 1]
        delivery.on_heard("{ez:n}:wake:a@p")
        delivery.stop()
        while not looked.empty():
            assert looked.get_nowait() == 1
        await asyncio.sleep(0.02)
        assert looked.empty()

    asyncio.run(story())
