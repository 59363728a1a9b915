"""Lives of procrastinate's jobs: ``python procrastinate_lives.py work|enqueue URL COUNT``, each in its own process.

Both say ``ready``; then `enqueue` waits for a line, says when it begins, and defers two batches of 64 at a time; `work`
says when the last job has succeeded. Times are of the machine's monotonic clock, in seconds. Last of all both say how
much CPU they have used since ``ready``, in seconds.
"""

import asyncio
import logging
import sys
import time

from procrastinate import App, PsycopgConnector  # type: ignore[import-not-found]  # installed for the peers only

CONCURRENCY = 64
BATCH = 64
SUBMITTERS = 2
LOOK_S = 0.005
SUCCEEDED = "SELECT count(*) AS count FROM procrastinate_jobs WHERE status = 'succeeded'"


async def work(app: App, count: int) -> None:
    """Run `count` jobs."""
    run_count = 0
    all_run = asyncio.Event()

    @app.task(name="nothing")  # type: ignore[untyped-decorator]
    async def nothing(number: int) -> None:
        nonlocal run_count
        run_count += 1
        if run_count == count:
            all_run.set()

    async def succeeded_count() -> int:
        found: int = (await app.connector.execute_query_one_async(SUCCEEDED))["count"]
        return found

    before_count = await succeeded_count()
    working = asyncio.ensure_future(
        app.run_worker_async(concurrency=CONCURRENCY, listen_notify=True, install_signal_handlers=False)
    )
    print("ready", flush=True)
    before_s = time.process_time()
    await all_run.wait()
    while await succeeded_count() < before_count + count:  # noqa: ASYNC110 - it happens in the database
        await asyncio.sleep(LOOK_S)
    print(time.monotonic(), flush=True)
    print(time.process_time() - before_s, flush=True)
    working.cancel()
    await asyncio.wait((working,))
    done_count = await succeeded_count() - before_count
    assert done_count == run_count == count, f"{done_count} jobs succeeded of {run_count} runs, not {count}"


async def enqueue(app: App, count: int) -> None:
    """Defer `count` jobs."""

    @app.task(name="nothing")  # type: ignore[untyped-decorator]
    async def nothing(number: int) -> None:
        """Is only run by the other part."""

    print("ready", flush=True)
    before_s = time.process_time()
    await asyncio.to_thread(sys.stdin.readline)
    starts = iter(range(0, count, BATCH))

    async def submitter() -> None:
        for start in starts:
            await nothing.batch_defer_async(*({"number": number} for number in range(start, min(start + BATCH, count))))

    print(time.monotonic(), flush=True)
    await asyncio.gather(*(submitter() for _ in range(SUBMITTERS)))
    print(time.process_time() - before_s, flush=True)


async def main(part: str, url: str, count: int) -> None:
    """Do one part."""
    # It warns of tasks in the main module, which other processes could not import: here each part has them itself.
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    app = App(connector=PsycopgConnector(conninfo=url))
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        await {"work": work, "enqueue": enqueue}[part](app, count)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
