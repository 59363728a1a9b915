"""Lives of arq's jobs: ``python arq_lives.py work|enqueue PORT COUNT``, each in a process of its own.

Both say ``ready``; then `enqueue` waits for a line, says when it begins, and enqueues with 64 calls in flight (arq has
no batches); `work` says when the last result was recorded. Times are of the machine's monotonic clock, in seconds. Last
of all both say how much CPU they have used since ``ready``, in seconds.
"""

import asyncio
import sys
import time
from typing import Any

from arq import create_pool, func  # type: ignore[import-not-found]  # installed for the peers only
from arq.connections import RedisSettings  # type: ignore[import-not-found]
from arq.worker import Worker  # type: ignore[import-not-found]

IN_FLIGHT = 64
POLL_S = 0.02


async def nothing(_context: dict[str, Any], _number: int) -> None:
    """Do nothing."""


async def work(settings: Any, count: int) -> None:
    """Run `count` jobs."""
    done = asyncio.Event()
    done_count = 0

    async def start(context: dict[str, Any]) -> None:
        redis = context["redis"]
        log = await redis.config_get("append*")
        assert (log["appendonly"], log["appendfsync"]) == ("yes", "always"), log
        context["before_count"] = len(await redis.keys("arq:result:*"))
        context["before_s"] = time.process_time()
        print("ready", flush=True)

    async def after_job(_context: dict[str, Any]) -> None:
        nonlocal done_count
        done_count += 1
        if done_count == count:
            done.set()

    worker = Worker(
        [func(nothing, name="nothing")],
        redis_settings=settings,
        max_jobs=IN_FLIGHT,
        poll_delay=POLL_S,
        on_startup=start,
        after_job_end=after_job,
        handle_signals=False,
    )
    working = asyncio.ensure_future(worker.async_run())
    await done.wait()
    print(time.monotonic(), flush=True)
    print(time.process_time() - worker.ctx["before_s"], flush=True)
    recorded_count = len(await worker.pool.keys("arq:result:*")) - worker.ctx["before_count"]
    assert recorded_count == count, f"{recorded_count} results, not {count}"
    working.cancel()
    await asyncio.wait((working,))
    await worker.close()


async def enqueue(settings: Any, count: int) -> None:
    """Enqueue `count` jobs."""
    redis = await create_pool(settings)
    print("ready", flush=True)
    before_s = time.process_time()
    await asyncio.to_thread(sys.stdin.readline)
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            assert await redis.enqueue_job("nothing", number) is not None

    print(time.monotonic(), flush=True)
    await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    print(time.process_time() - before_s, flush=True)
    await redis.aclose()


if __name__ == "__main__":
    part, port, how_many = sys.argv[1:]
    asyncio.run({"work": work, "enqueue": enqueue}[part](RedisSettings(port=int(port)), int(how_many)))
