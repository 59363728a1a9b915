"""Progress is streamed, not polled."""

import asyncio

import pytest

from sandbox.run.gateway import GatewayError, signed_in
from sandbox.run.programs import answers
from tests.fakes.eventually import eventually
from tests.fakes.freezing_proxy import freezing_proxy
from tests.processes.journey import journey
from tests.processes.ports import free_ports
from tests.processes.stack import Stack


async def test_progress_needs_no_unary_call(stack: Stack) -> None:
    """With every unary call from gateway to queue frozen, progress and the end still reach a WebSocket client."""
    port = free_ports(["PORT"])["PORT"]
    watch = "/clipferry.queue.v1.QueueService/WatchJobs"
    async with freezing_proxy(stack.settings.queue_listen_address, let_through=[watch]) as proxy:
        stack.start(
            "gateway behind a proxy",
            module="gateway",
            PORT=str(port),
            QUEUE_TARGET=f"127.0.0.1:{proxy.port}",
            GATEWAY_DATABASE_URL=f"sqlite:///{stack.directory}/gateway-behind-a-proxy.db",
        )
        try:
            url = f"http://127.0.0.1:{port}"
            await eventually(answers(f"{url}/health"), within_s=30, what="the second gateway is ready")
            async with signed_in(url, stack.api_key) as gateway:
                job = await gateway.submit(stack.page("/gated/frozen/clip.mp4"))
                following = asyncio.create_task(journey(gateway, job["id"]))
                proxy.freeze()
                asking = asyncio.create_task(gateway.get(f"/api/jobs/{job['id']}"))
                await stack.open_gate("frozen")
                messages = await following
                assert proxy.held_count > 0, "nothing was frozen"
                with pytest.raises(GatewayError):
                    await asking
        finally:
            stack.kill("gateway behind a proxy")

    kinds = [message["type"] for message in messages]
    assert "job:progress" in kinds
    assert kinds.count("job:finished") == 1
    assert messages[-1]["status"] == "completed"
    assert messages[-1]["result"]["telegramMessageId"]
