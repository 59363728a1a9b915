"""What was accepted is never lost, and never sent twice."""

from tests.fakes.eventually import eventually
from tests.processes.journey import journey
from tests.processes.stack import Stack


async def test_the_queue_dies_in_mid_job(stack: Stack) -> None:
    """Kill -9 of the queue while a video downloads, and a new start: the job ends delivered, once."""
    path = "/gated/crash/clip.mp4"
    already = len(await stack.messages())
    async with stack.gateway() as gateway:
        job = await gateway.submit(stack.page(path))

        async def is_downloading() -> bool:
            return (await stack.traffic(path))["open"] > 0 and (await stack.traffic(path))["bytesSent"] > 0

        await eventually(is_downloading, what="the download runs")
        stack.kill("queue")
        stack.start("queue")
        await stack.until_ready("queue")
        await stack.open_gate("crash")

        async def has_ended() -> bool:
            return str((await gateway.get(f"/api/jobs/{job['id']}"))["status"]) in ("completed", "failed")

        messages = await journey(gateway, job["id"])
        await eventually(has_ended, what="the job has ended")
        ended = await gateway.get(f"/api/jobs/{job['id']}")

    assert ended["status"] == "completed", ended["error"]
    assert messages[-1].get("status", "completed") == "completed"
    assert len(await stack.messages()) == already + 1
    await stack.memory_is_free()
