"""However two users and an admin move about the API, nobody learns anything of another's jobs."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.queue.service import queue_service
from tests.fakes.gateway_client import UNLIMITED, GatewayClient, gateway_at_hand, key_of_admin
from tests.fakes.queue_client import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

USERS = ("ann", "bob")
CALLERS = (*USERS, "admin")
CHATS = {"ann": -100_111, "bob": -100_222, "admin": -100_333}
NOBODYS = "01a210fc-f00b-71d2-8491-18f6559fe65c"

STATUSES = ("queued", "processing", "completed", "failed", "cancelled")

CALLER, NUMBER = st.sampled_from(CALLERS), st.integers(0, 40)
MOVES = st.one_of(
    st.tuples(st.just("submit"), CALLER, NUMBER),
    st.tuples(st.just("repeat"), CALLER, NUMBER),
    st.tuples(st.sampled_from(["look", "history", "cancel", "retry", "finish"]), CALLER, NUMBER),
    st.tuples(st.sampled_from(["list", "page", "search", "numbers"]), CALLER, NUMBER),
)


@dataclass
class World:
    clients: dict[str, GatewayClient]
    owners: dict[str, str] = field(default_factory=dict)
    """Of each job, by its id; in the order in which they were made."""
    cursors: list[str] = field(default_factory=list)
    """That anybody was given."""
    names: "itertools.count[int]" = field(default_factory=itertools.count)
    status: dict[str, str] = field(default_factory=dict)
    """Of each job, by its id."""

    async def move(self, what: str, caller: str, number: int) -> None:
        """Do one thing, and look whether its answer tells of another's."""
        client = self.clients[caller]
        match what:
            case "submit" | "repeat":
                await self._submit(client, caller, number, is_repeat=what == "repeat")
            case "look" | "history" | "cancel" | "retry" | "finish":
                await self._touch(client, caller, what, self._job(number))
            case "list" | "page":
                cursor = self.cursors[number % len(self.cursors)] if what == "page" and self.cursors else ""
                await self._list(client, caller, cursor)
            case "search":
                other = CALLERS[number % 3]
                answer = await client.request("GET", f"/api/jobs?owner={other}&limit=200")
                self.check(answer, caller)
                assert answer.status_code == (200 if caller in ("admin", other) else 403)
            case "numbers":
                await self._count(client, caller)

    async def _submit(self, client: GatewayClient, caller: str, number: int, *, is_repeat: bool) -> None:
        """A repeat uses a key that somebody, perhaps another, has used before."""
        name = number % 5 if is_repeat else 10 + next(self.names)
        body = {"url": f"https://video.test/{caller}-secret/{name}", "destination": CHATS[caller]}
        answer = await client.request("POST", "/api/jobs", json=body, headers={"Idempotency-Key": f"key-{name}"})
        self.check(answer, caller)
        assert answer.status_code == 202, answer.text
        assert self.owners.setdefault(answer.json()["id"], caller) == caller
        self.status[answer.json()["id"]] = answer.json()["status"]

    async def _touch(self, client: GatewayClient, caller: str, what: str, job_id: str) -> None:
        method = {"look": "GET", "history": "GET", "cancel": "DELETE"}.get(what, "POST")
        path = "" if what in ("look", "cancel") else f"/{what}"
        answer = await client.request(method, f"/api/jobs/{job_id}{path}")
        self.check(answer, caller, shown=job_id)
        if caller not in ("admin", self.owners.get(job_id)):
            nobodys = await client.request(method, f"/api/jobs/{NOBODYS}{path}")
            assert answer.status_code == nobodys.status_code == 404
            assert _without_names(answer.text.replace(job_id, NOBODYS)) == _without_names(nobodys.text)
        else:
            wanted = (200, 202, 409) if job_id in self.owners else (404,)
            assert answer.status_code in wanted, answer.text
            if answer.is_success and what != "history":
                self.status[job_id] = answer.json()["status"]

    async def _list(self, client: GatewayClient, caller: str, cursor: str) -> None:
        answer = await client.request("GET", f"/api/jobs?limit=2&cursor={cursor}")
        self.check(answer, caller)
        assert answer.status_code == 200
        page = answer.json()
        if caller != "admin":
            assert {self.owners[job["id"]] for job in page["jobs"]} <= {caller}
        if page["nextCursor"]:
            self.cursors.append(page["nextCursor"])

    async def _count(self, client: GatewayClient, caller: str) -> None:
        """What a user is told is what the user's own jobs come to, and nothing besides."""
        own = Counter(self.status[id_] for id_, owner in self.owners.items() if caller in ("admin", owner))
        stats, memory, web_socket, health = [
            await client.get(path)
            for path in ("/api/queue/stats", "/api/memory/stats", "/api/websocket/stats", "/health")
        ]
        assert {name: stats[name] for name in STATUSES if stats[name]} == dict(own)
        assert (stats["oldestAgeMs"] is None) is (own["queued"] == 0)
        assert (stats["activeWorkers"], stats["memoryUsage"], memory["current"]) == (0, 0, 0)
        if caller == "admin":
            assert (memory["peak"], web_socket["totalConnections"], health["memory"]["current"]) == (0, 0, 0)
            return
        assert stats["totalProcessed"] == own["cancelled"] >= stats["throughputPerMinute"]
        nulls = [stats["peakMemoryUsage"], memory["peak"], memory["orphanFreed"], health["memory"]["current"]]
        nulls += [web_socket["totalConnections"], web_socket["slowClientsDropped"]]
        assert nulls == [None] * 6

    def _job(self, number: int) -> str:
        return [*self.owners, NOBODYS][number % (len(self.owners) + 1)]

    def check(self, answer: httpx.Response, caller: str, shown: str = "") -> None:
        """Look through all of an answer for what belongs to somebody else."""
        if caller == "admin":
            return
        text = answer.text + str(answer.headers)
        for other in CALLERS:
            if other != caller:
                assert f"{other}-secret" not in text
                assert str(CHATS[other]) not in text
        for job_id, owner in self.owners.items():
            assert owner == caller or job_id == shown or job_id not in text


def _without_names(text: str) -> str:
    return re.sub(r'"requestId":"\w+"', "", text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    folder = tmp_path_factory.mktemp("gateway")
    async with (
        queue_service(settings_for(folder, max_queue_size=10_000)) as port,
        gateway_at_hand(folder, port, **UNLIMITED) as client,
    ):
        yield client


async def test_no_move_tells_of_anothers_job(admin: GatewayClient) -> None:
    """Lists, filters, cursors and keys of others, guessed ids and verbs: as if the other's jobs were not there."""
    world = World({"admin": admin} | {name: await admin.invite(name) for name in USERS})
    for name in USERS:
        await admin.request("PATCH", f"/api/admin/users/{name}", json={"chats": ["*"]})
    loop, moved = asyncio.get_running_loop(), 0

    @settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
    @given(moves=st.lists(MOVES, min_size=8, max_size=20))
    def walk(moves: list[tuple[str, str, int]]) -> None:
        nonlocal moved
        for move in moves:
            asyncio.run_coroutine_threadsafe(world.move(*move), loop).result(10)
            moved += 1

    await asyncio.to_thread(walk)
    assert moved > 250
    assert {*world.owners.values()} == {*CALLERS}


async def test_numbers_are_of_the_own_jobs_whoever_else_has_some(admin: GatewayClient) -> None:
    """By REST and by snapshot; an admin's key that may do nothing else counts all."""
    ann, bob = await admin.invite("numbers.ann"), await admin.invite("numbers.bob")
    before = await admin.get("/api/queue/stats")
    await ann.submit("https://video.test/ann-secret/numbers")
    for number in range(3):
        await bob.submit(f"https://video.test/bob-secret/numbers/{number}")
    key = await key_of_admin(admin, ["stats:read"])
    panel = await admin.sign_in(apiKey=key)
    told = {}
    async with bob.socket("queue"), bob.socket("memory"):
        for name, client in (("ann", ann), ("bob", bob), ("admin", admin), ("panel", panel)):
            async with client.socket() as socket:
                await socket.say(type="subscribe", channel="queue")
                snapshot = (await socket.hear("subscribed"))["snapshot"]
                assert snapshot["queued"] == (await client.get("/api/queue/stats"))["queued"]
                told[name] = (snapshot["queued"], snapshot["stats"]["webSocket"]["connectedClients"])

    of_all = before["queued"] + 4
    assert told == {"ann": (1, 1), "bob": (3, 3), "admin": (of_all, 3), "panel": (of_all, 3)}


async def test_what_one_does_is_nothing_that_another_hears(admin: GatewayClient) -> None:
    """Not even that something has happened: numbers come by what happens to the own jobs, and by the clock."""
    ann, bob = await admin.invite("quiet.ann"), await admin.invite("quiet.bob")
    began_at_s = time.monotonic()
    async with ann.socket("queue", "memory") as hers, bob.socket("queue", "memory") as his:
        for number in range(3):
            await ann.submit(f"https://video.test/ann-secret/quiet/{number}")
            while (await hers.hear("queue:stats"))["queued"] != number + 1:
                pass
        await his.say(type="ping")
        await his.hear("pong")
        heard = [message for message in his.heard if message["type"] == "queue:stats"]
        assert len(heard) <= (time.monotonic() - began_at_s) // 30
        assert not any(message["queued"] for message in heard)

        await bob.submit("https://video.test/bob-secret/quiet")
        while (await his.hear("queue:stats"))["queued"] != 1:
            pass
        assert (await his.hear("memory:stats"))["stats"]["peak"] is None
