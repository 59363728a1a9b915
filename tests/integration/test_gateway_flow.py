"""Bytes, speed and the time that is left: the same for who asks as for who listens."""

from pathlib import Path

from clipferry.queue.v1 import job_pb2
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import queue_and_gateway

FLOW = ("bytesDone", "bytesTotal", "speedBps", "etaSeconds")
RESTING = {"bytesDone": 0, "bytesTotal": None, "speedBps": None, "etaSeconds": None}
MOVING = {"bytesDone": 4_200_000, "bytesTotal": 9_000_000, "speedBps": 3_000_000, "etaSeconds": 2}


async def test_a_job_that_is_asked_for_tells_what_the_socket_tells(tmp_path: Path) -> None:
    """Nothing while it waits; the stage's numbers while it runs, whenever that is asked; none of a stage before."""
    async with queue_and_gateway(tmp_path) as (queue, admin), queue.worker("worker-1") as worker:
        job = await admin.submit()
        waiting = await admin.get(job["links"]["self"])
        await worker.ready()
        lease = (await worker.run()).lease
        async with admin.socket("jobs") as socket:
            progress = job_pb2.Progress(
                stage=job_pb2.STAGE_DOWNLOADING,
                percent=40,
                done_bytes=4_200_000,
                total_bytes=9_000_000,
                bytes_per_second=3_000_000,
            )
            await worker.say(beats=[{"lease": lease, "progress": progress}])
            while not (said := await socket.hear("job:progress"))["bytesDone"]:
                pass
        listed, looked = (await admin.get("/api/jobs"))["jobs"][0], await admin.get(job["links"]["self"])
        await worker.move(1, begin_send={"lease": lease, "media": {}})
        sending = await admin.get(job["links"]["self"])
        sent = job_pb2.Progress(stage=job_pb2.STAGE_SENDING, percent=80, done_bytes=1, total_bytes=2)
        await worker.say(beats=[{"lease": lease, "progress": sent}])

        async def is_told() -> bool:
            return bool((await admin.get(job["links"]["self"]))["bytesDone"] == 1)

        await eventually(is_told, within_s=30, what="the numbers of the new stage are told")

    assert {name: waiting[name] for name in FLOW} == RESTING
    for view in (said, listed, looked):
        assert {name: view[name] for name in FLOW} == MOVING
    assert ({name: sending[name] for name in FLOW}, sending["stage"]) == (RESTING, "sending")
