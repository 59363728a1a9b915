"""What waits for the application, of one client."""

import asyncio
from contextlib import suppress

from gateway.live.inbox import Inbox


async def test_messages_come_in_their_order_and_none_is_lost() -> None:
    inbox = Inbox()
    inbox.put_nowait({"number": 1})
    inbox.put_nowait({"number": 2})

    assert [(await inbox.get())["number"], (await inbox.get())["number"]] == [1, 2]
    assert inbox.empty()


async def test_a_reader_waits_for_the_next_one() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)

    inbox.put_nowait({"number": 1})
    inbox.put_nowait({"number": 2})

    assert await reading == {"number": 1}
    assert not inbox.empty()


async def test_a_reader_that_gives_up_takes_nothing() -> None:
    """As one does whose time to say hello is over."""
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    reading.cancel()
    inbox.put_nowait({"number": 1})
    with suppress(asyncio.CancelledError):
        await reading

    assert await inbox.get() == {"number": 1}
