"""One job's way as a WebSocket client sees it."""

import asyncio
from typing import Any

from sandbox.run.gateway import Gateway


async def journey(gateway: Gateway, job_id: str, *, within_s: float = 40.0) -> list[dict[str, Any]]:
    """Return every message about a job, its ``job:finished`` last: also who comes late hears of the end."""
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(within_s), gateway.watch(f"job:{job_id}") as heard:
        async for message in heard:
            if message["type"] == "subscribed":
                messages.append(message)
            elif message.get("jobId") == job_id:
                messages.append(message)
                if message["type"] == "job:finished":
                    return messages
    raise AssertionError("the connection ended before the job")


async def ended_job(gateway: Gateway, page_url: str) -> dict[str, Any]:
    """Submit a page, wait for the job's end and return its REST resource."""
    job = await gateway.submit(page_url)
    await journey(gateway, job["id"])
    return await gateway.get(f"/api/jobs/{job['id']}")
