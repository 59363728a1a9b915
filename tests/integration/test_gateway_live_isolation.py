"""Two users and an admin, moving at random over REST and WebSocket: nobody learns anything of another's jobs."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipferry.queue.v1 import queue_service_pb2
from gateway.views.state import STATES_BY_STATUS, STATUS_BY_STATE
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import UNLIMITED, GatewayClient, Socket, queue_and_gateway
from tests.fakes.queue_client import QueueClient

USERS = ("ann", "bob")

moves = st.tuples(
    st.sampled_from([*USERS, "admin"]),
    st.sampled_from(["submit", "cancel", "retry", "get", "list", "stats", "watch", "unwatch", "work"]),
    st.integers(0, 1_000),
)


@dataclass
class Person:
    """One who is signed in, and all that was ever told to them."""

    client: GatewayClient
    socket: Socket
    told: list[str] = field(default_factory=list)


class Playground:
    """A queue, a gateway, and people at it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._jobs: list[tuple[str, str]] = []
        self.people: dict[str, Person] = {}

    async def open(self, folder: Path) -> None:
        self.queue, admin = await self._stack.enter_async_context(
            queue_and_gateway(
                folder,
                {"retry_backoff_s": 0, "max_queue_size": 1_000},
                websocket_commands_per_minute=1_000_000,
                **UNLIMITED,
            )
        )
        for name in ("admin", *USERS):
            client = admin if name == "admin" else await admin.invite(name)
            socket = await self._stack.enter_async_context(client.socket("jobs", "queue", "memory"))
            self.people[name] = Person(client, socket)

    async def play(self, plan: Sequence[tuple[str, str, int]]) -> None:
        for name, move, number in plan:
            await self._move(name, self.people[name], move, number)
        for name, person in self.people.items():
            await person.socket.say(type="ping")
            await person.socket.hear("pong")
            # Two answers repeat the id that was asked for, which is nothing new.
            news = [message for message in person.socket.heard if message["type"] not in ("error", "unsubscribed")]
            person.told += [json.dumps(message) for message in news]
            self._check_numbers(name, news)
            person.socket.heard.clear()
            self._check(name, person)
            person.told.clear()

    async def check_totals(self) -> None:
        """What each is told over REST is what the queue has of their own jobs; at most a run is lost meanwhile."""
        for name in self.people:
            await eventually(partial(self._fits, name), within_s=20, what=f"the numbers of {name}'s jobs")

    async def _fits(self, name: str) -> bool:
        """Return whether one's numbers are those of the jobs that one may see."""
        client = self.people[name].client
        request = queue_service_pb2.ListJobsRequest(owner="" if name == "admin" else name, page_size=200)
        jobs = (await self.queue.call(self.queue.queue.ListJobs, request)).jobs
        assert len(jobs) < 200
        own = Counter(STATUS_BY_STATE[job.state] for job in jobs)
        stats, memory = await client.get("/api/queue/stats"), await client.get("/api/memory/stats")
        held = [job.estimated_bytes for job in jobs if STATUS_BY_STATE[job.state] == "processing"]
        holds = (memory["current"], memory["activeAllocations"])
        has_counted = {status: stats[status] for status in STATES_BY_STATUS if stats[status]} == own
        return has_counted and (name == "admin" or holds == (sum(held), len(held)))

    def _check_numbers(self, name: str, news: Sequence[dict[str, Any]]) -> None:
        """Look whether numbers that were pushed count more than the own jobs and connections."""
        own_count = sum(owner == name for owner, _ in self._jobs)
        for stats in [message["stats"] for message in news if message["type"] == "queue:stats"]:
            assert name == "admin" or sum(stats[status] for status in STATES_BY_STATUS) <= own_count
            assert name == "admin" or stats["webSocket"]["connectedClients"] == 1

    async def _move(self, name: str, person: Person, move: str, number: int) -> None:
        owner, job_id = self._jobs[number % len(self._jobs)] if self._jobs else ("nobody", "0" * 8)
        match move:
            case "submit":
                url = f"https://video.test/owned-by-{name}/{number}/{len(self._jobs)}"
                self._jobs.append((name, (await person.client.submit(url))["id"]))
            case "cancel" | "retry" | "get":
                path = f"/api/jobs/{job_id}" + ("/retry" if move == "retry" else "")
                method = {"cancel": "DELETE", "retry": "POST", "get": "GET"}[move]
                answer = await person.client.request(method, path)
                if name in (owner, "admin"):
                    person.told.append(answer.text)
                else:
                    assert answer.status_code == 404, answer.text
            case "list":
                person.told.append((await person.client.request("GET", "/api/jobs?limit=200")).text)
            case "stats":
                for what in ("queue", "memory", "websocket"):
                    person.told.append((await person.client.request("GET", f"/api/{what}/stats")).text)
            case "watch" | "unwatch":
                await self._watch(name, person, move, owner, job_id)
            case "work":
                await self._work(self.queue)

    async def _watch(self, name: str, person: Person, move: str, owner: str, job_id: str) -> None:
        if len(job_id) < 36:
            return
        if move == "unwatch":
            await person.socket.say(type="unsubscribe", channel=f"job:{job_id}")
            await person.socket.hear("unsubscribed")
            return
        await person.socket.say(type="unsubscribe", channel="queue")  # room for one more
        await person.socket.say(type="subscribe", channel=f"job:{job_id}", id=len(self._jobs))
        while (answer := await person.socket.next()).get("id") != len(self._jobs):
            pass
        assert (answer["type"] == "subscribed") is (name in (owner, "admin"))
        if answer["type"] == "error":
            assert answer["code"] == "JOB_NOT_FOUND"
        await person.socket.say(type="unsubscribe", channel=f"job:{job_id}")
        await person.socket.say(type="subscribe", channel="queue")

    async def _work(self, queue: QueueClient) -> None:
        """Let one job run and fail, so that progress and ends are told."""
        async with queue.worker() as worker:
            await worker.ready()
            try:
                async with asyncio.timeout(0.05):
                    run = await worker.run()
            except TimeoutError:
                return
            await worker.beat(run.lease, 30)

    def _check(self, name: str, person: Person) -> None:
        if name == "admin":
            return
        foreign = [job_id for owner, job_id in self._jobs if owner != name]
        foreign += [f"owned-by-{other}" for other in self.people if other != name]
        foreign += [f'"{other}"' for other in self.people if other != name]
        for text in person.told:
            assert not [word for word in foreign if word in text], f"{name} was told {text[:2_000]}"


def test_nobody_learns_of_anothers_jobs(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        playground = Playground(stack)
        runner.run(playground.open(tmp_path))

        @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(plan=st.lists(moves, min_size=5, max_size=12))
        def play(plan: list[tuple[str, str, int]]) -> None:
            runner.run(playground.play(plan))

        try:
            play()
            runner.run(playground.check_totals())
        finally:
            runner.run(stack.aclose())
