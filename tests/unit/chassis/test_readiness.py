"""Whether a service is ready: asked by many, tried once."""

import asyncio

from services.chassis.errors import ClipferryError, Reason
from services.chassis.readiness import Readiness


async def test_many_questions_are_one_try() -> None:
    """Whoever asks need not be known, so the database must not feel it. The next question after it is a new try."""
    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)

    readiness = Readiness(attempt)

    assert await asyncio.gather(*(readiness.look() for _ in range(10))) == [True] * 10
    assert tries == 1
    assert await readiness.look()
    assert tries == 2


async def test_what_is_away_or_silent_is_not_ready() -> None:
    async def refused() -> None:
        raise ClipferryError(Reason.STORE_UNAVAILABLE)

    async def silent() -> None:
        await asyncio.Event().wait()

    assert not await Readiness(refused).look()
    assert not await Readiness(silent).look()


async def test_who_gives_up_asking_does_not_end_the_try_for_others() -> None:
    release = asyncio.Event()
    readiness = Readiness(release.wait)
    impatient, patient = asyncio.create_task(readiness.look()), asyncio.create_task(readiness.look())
    await asyncio.sleep(0)

    impatient.cancel()
    await asyncio.wait([impatient])
    release.set()

    assert await patient
