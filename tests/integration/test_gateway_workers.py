"""What an admin sees of the processors, and everybody of himself."""

from pathlib import Path

from clipferry.queue.v1 import job_pb2
from tests.fakes.gateway_client import queue_and_gateway

MEMORY = job_pb2.MemoryStats(current_bytes=30_000_000, peak_bytes=40_000_000, max_bytes=200_000_000)


async def test_an_admin_sees_each_processor_and_others_do_not(tmp_path: Path) -> None:
    """By name, with its own places and memory: their names tell of machines."""
    async with (
        queue_and_gateway(tmp_path) as (queue, admin),
        queue.worker("two", slots=2) as two,
        queue.worker("one", slots=1) as one,
    ):
        await one.ready(1, memory=MEMORY)
        await admin.submit()
        await one.run()
        await two.ready(0)
        (first, second) = (await admin.get("/api/admin/workers"))["workers"]
        await admin.request("POST", "/api/admin/users", json={"user": "ann"})
        code = (await admin.request("POST", "/api/auth/pair", json={"user": "ann"})).json()["pairingCode"]
        ann = await admin.sign_in(pairingCode=code)
        refused = await ann.request("GET", "/api/admin/workers")
        hers, his = await ann.get("/api/auth/me"), await admin.get("/api/auth/me")

    assert {name: first[name] for name in ("name", "state", "slots", "slotsBusy", "slotsFree", "memoryUsage")} == {
        "name": "one", "state": "full", "slots": 1, "slotsBusy": 1, "slotsFree": 0, "memoryUsage": 30_000_000,
    }  # fmt: skip
    assert (second["name"], second["state"], second["slotsFree"]) == ("two", "free", 2)
    assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    assert (hers["user"], hers["chats"]) == ("ann", ["default"])
    assert (his["user"], his["chats"]) == ("admin", ["*"])
