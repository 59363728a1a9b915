"""Every service is started anew, one replica after the other, while jobs and clients go on: nobody notices."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.live.closing import DRAINING
from sandbox.run.gateway import SUBPROTOCOL, signed_in
from tests.fakes.eventually import eventually
from tests.fakes.postgres import database_for
from tests.processes.balancer import balancer
from tests.processes.broken_calls import Logs, callers
from tests.processes.rolling_fleet import Fleet
from tests.processes.stack import Stack, prepared_stack

PAUSE_S = 0.05
READER_COUNT = 3
READ_PAUSE_S = 0.005
"""So short that each stop meets calls that are under way."""
UNFINISHED_COUNT = 4
"""Jobs that are under way at once: a stream of them on any machine, never a heap."""


class Clients:
    """Who uses it meanwhile. Each request has a connection of its own, over whichever gateway."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(
            base_url=f"http://{url}",
            headers={"Authorization": f"Bearer {token}"},
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=15,
            trust_env=False,
        )
        self._token = token
        self._unfinished_count = 0
        self.failures: list[str] = []
        self.job_ids: list[str] = []
        self.read_count = 0
        self.ends: Counter[str] = Counter()
        self.goodbyes: Counter[int] = Counter()

    async def submit(self, stack: Stack) -> None:
        """Submit one job after the other, until cancelled."""
        for number in itertools.count():
            await asyncio.sleep(PAUSE_S)
            if self._unfinished_count >= UNFINISHED_COUNT:
                continue
            self._unfinished_count += 1
            job = await self._ask("POST", "/api/jobs", {"url": stack.page(f"/media/clip.mp4?rolling={number}")})
            if job is not None:
                self.job_ids.append(job["id"])

    async def read(self) -> None:
        """Ask for the numbers and for the newest job, until cancelled."""
        while True:
            stats = await self._ask("GET", "/api/queue/stats")
            if stats is not None:
                self._unfinished_count = stats["queued"] + stats["processing"]
            if self.job_ids:
                await self._ask("GET", f"/api/jobs/{self.job_ids[-1]}")
            self.read_count += 1
            await asyncio.sleep(READ_PAUSE_S)

    async def watch(self) -> None:
        """Hear of jobs live, until cancelled; come back when the gateway goes away."""
        while True:
            async with connect(f"ws://{self._url}/ws", subprotocols=[SUBPROTOCOL], proxy=None) as socket:
                await socket.send(json.dumps({"type": "hello", "token": self._token, "protocol": 1}))
                await socket.send(json.dumps({"type": "subscribe", "channel": "jobs"}))
                with suppress(ConnectionClosed):
                    while True:
                        message = json.loads(await socket.recv())
                        if message["type"] == "job:finished":
                            self.ends[message["jobId"]] += 1
                code = socket.close_code or 0
                self.goodbyes[code] += 1
                if code != DRAINING:
                    self.failures.append(f"the live connection ended with {code}")

    async def close(self) -> None:
        """Let go of everything."""
        await self._http.aclose()

    async def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that were submitted."""
        return [await self._ask("GET", f"/api/jobs/{job_id}") or {} for job_id in self.job_ids]

    async def all_have_ended(self) -> bool:
        """Return whether nothing waits or runs."""
        return all(job.get("status") in ("completed", "failed") for job in await self.jobs())

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {type(error).__name__}: {error}")
            return None
        if response.is_success:
            found: dict[str, Any] = response.json()
            return found
        self.failures.append(f"{method} {path}: {response.status_code} {response.text[:200]}")
        return None


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    database = database_for(Path(tmp_path_factory.mktemp("rolling")))
    with prepared_stack(DATABASE_URL=database, GATEWAY_DATABASE_URL=database, DRAIN_S="5", LEASE_TTL_S="15") as stack:
        fleet = Fleet(stack)
        try:
            asyncio.run(fleet.start())
        except AssertionError as error:
            raise AssertionError(f"{error}\n{stack.logs()}") from None
        yield fleet


async def test_nobody_notices_a_rolling_restart_of_everything(fleet: Fleet) -> None:
    async with (
        signed_in(fleet.stack.settings.gateway_url, fleet.stack.api_key) as gateway,
        balancer(fleet.gateways) as (front, url),
    ):
        await fleet.slow_uploads()
        clients, logs = Clients(url, gateway.token), Logs(fleet.stack.directory)
        readers = [clients.read() for _ in range(READER_COUNT)]
        using = [asyncio.create_task(each) for each in (clients.submit(fleet.stack), clients.watch(), *readers)]
        try:
            async with callers(fleet.queues) as broken_calls:
                await fleet.roll(front)
            using[0].cancel()
            await eventually(clients.all_have_ended, within_s=60, what="every job has ended")
            jobs = await clients.jobs()
        finally:
            for task in using:
                task.cancel()
            over = await asyncio.gather(*using, return_exceptions=True)
            await clients.close()
    messages, counted = await fleet.stack.messages(), await fleet.counted("queue 2")

    assert clients.failures == [], "\n".join(clients.failures)
    assert broken_calls == []
    assert logs.broken() == []
    assert [job for job in jobs if (job["status"], job["attempt"]) != ("completed", 1)] == []
    assert set(fleet.statuses.values()) == {0}, fleet.statuses
    assert [type(each) for each in over] == [asyncio.CancelledError] * len(using), over
    assert len(messages) == len(clients.job_ids) >= 10
    assert f'clipferry_queue_jobs{{state="COMPLETED"}} {len(messages)}.0' in counted
    assert clients.read_count > 50
    assert set(clients.ends.values()) <= {1}
    assert sum(clients.goodbyes.values()) >= 1
