"""Gateway, queue and processor in this process; what lies beyond them is scripted."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.chassis.tls import Tls
from services.processor.config import ProcessorSettings
from services.processor.service import processing
from services.queue.service import queue_service
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, gateway_at_hand
from tests.fakes.processor_notifier import ScriptedNotifier, scripted_notifier
from tests.fakes.processor_tools import FakeDownloader, FakeMedia, Script
from tests.fakes.queue_client import settings_for


@asynccontextmanager
async def whole(folder: Path, script: Script, tls: Callable[[str], Tls] | None = None) -> AsyncIterator[GatewayClient]:
    """Run them for the length of the block; yields the gateway's admin.

    Args:
        folder: Where they keep what they keep.
        script: What becomes of jobs.
        tls: Makes the files of a role. None: plain text.
    """
    files = {} if tls is None else {role: tls(role) for role in ("gateway", "queue", "processor", "notifier")}

    def told(role: str) -> dict[str, Any]:
        if role not in files:
            return {}
        each = files[role]
        return {"tls_cert_file": each.certificate, "tls_key_file": each.key, "tls_ca_file": each.authorities}

    async with (
        queue_service(settings_for(folder, drain_s=1, **told("queue"))) as queue_port,
        scripted_notifier(ScriptedNotifier(), files.get("notifier")) as notifier_target,
    ):
        settings = ProcessorSettings(
            listen_address="127.0.0.1:0",
            queue_target=f"127.0.0.1:{queue_port}",
            notifier_target=notifier_target,
            tmpfs_dir=folder / "videos",
            drain_s=0.1,
            **told("processor"),
        )
        async with (
            processing(settings, FakeDownloader(script), FakeMedia(script)),
            gateway_at_hand(folder, queue_port, **told("gateway")) as admin,
        ):
            yield admin


async def until_ended(admin: GatewayClient, job_id: str) -> dict[str, Any]:
    """Return the job once it has ended."""

    async def ended() -> dict[str, Any] | None:
        job: dict[str, Any] = await admin.get(f"/api/jobs/{job_id}")
        return job if job["status"] in ("completed", "failed", "cancelled") else None

    job = await eventually(ended, what="the job has ended")
    assert job is not None
    return job
