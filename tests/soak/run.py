"""The run: everything as processes, a stream of jobs, watchers that come and go, and a look every second."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from gateway.backends import QueueBackend
from services.chassis.channel import open_link
from services.chassis.lifecycle import background
from tests.fakes.eventually import eventually
from tests.processes.chaos_jobs import ChaosJobs
from tests.processes.chaos_truth import Tally, tally
from tests.processes.ports import free_ports
from tests.processes.stack import Stack
from tests.soak.looking import FORKSERVER, Looker
from tests.soak.series import CHILDREN, Measure, Series
from tests.soak.stream import Stream
from tests.soak.watchers import Watchers, watching

SETTINGS: Mapping[str, str] = {
    "ACCESS_TOKEN_TTL_S": "20",
    "BEAT_INTERVAL_S": "1",
    "EVENT_LOG_COUNT": "2000",
    "JOB_RETENTION": "30000",
    "LEASE_TTL_S": "30",
    "LOG_LEVEL": "WARNING",
    "MAX_ATTEMPTS": "2",
    "MAX_CONCURRENT_DOWNLOADS": "4",
    "MAX_QUEUE_SIZE": "50",
    "REFRESHES_PER_MIN": "0",
    "REFRESH_TOKEN_TTL_S": "60",
    "SIGN_INS_PER_MIN": "0",
    "WATCH_MAX_AGE_S": "30",
    "WORK_MAX_AGE_S": "30",
}
"""Hours in minutes: jobs are forgotten after 30 s, of events the newest 2,000 are kept, tokens end after 20 s, sessions
after a minute, and each stream between services is opened anew after 30 s. A lease never ends by a slow machine."""

SERVICES = ("queue", "processor", "notifier", "gateway")
_LOOK_EVERY_S = 1.0
_LOOK_AT_MESSAGES_EVERY_S = 1.0
_QUIET_WITHIN_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of it."""

    seed: int
    seconds: float
    """Of the stream."""
    tally: Tally
    shares: Mapping[str, int]
    """Jobs by page."""
    surprises: Sequence[str]
    """Everything that went otherwise than it should, one line each."""
    counts: Mapping[str, int]
    """Of jobs, frames and connections."""
    series: Series
    quiet: Mapping[Measure, tuple[float, float]]
    """What was to be seen before and after the stream, when nothing was under way."""
    lags_p99_s: Mapping[str, float]
    """By service."""


async def soak(stack: Stack, *, seconds: float, seed: int) -> Report:
    """Run a prepared stack for so long; returns what was seen."""
    ports = free_ports(SERVICES)
    for name in stack.programs:
        stack.start(name, **({"METRICS_ADDRESS": f"127.0.0.1:{ports[name]}"} if name in ports else {}))
    await stack.until_ready()
    series = Series()
    async with (
        httpx.AsyncClient(base_url=stack.settings.gateway_url, timeout=20, trust_env=False) as http,
        open_link(stack.settings.queue_listen_address) as link,
    ):
        jobs = ChaosJobs(stack, http, QueueBackend(link), stack.api_key)
        stream, looker = Stream(jobs, seed), Looker(stack, http, ports)
        await stream.each_once()
        before = await _quiet(stack, looker)
        began_at_s = time.monotonic()
        async with (
            _looking(looker, series, began_at_s),
            background(_note_messages(jobs), name="message-log"),
            watching(stack, http, seed) as watchers,
        ):
            await stream.run(began_at_s + seconds)
            took_s = time.monotonic() - began_at_s
            missed = await _missed(stream, watchers)
        after = await _quiet(stack, looker)
        await jobs.note_messages()
    jobs.messages.check_whole()
    counted = tally(stream.endings())
    return Report(
        seed=seed,
        seconds=took_s,
        tally=counted,
        shares=stream.shares(),
        surprises=[*stream.doubts, *stream.surprises(stream.endings()), *missed, *_miscounted(looker, counted)],
        counts={
            "jobs asked for twice at once": stream.asked_twice_count,
            "frames heard": watchers.frame_count,
            "comings back of followers": watchers.reconnect_count,
            "visits": watchers.visit_count,
            "connections that stopped reading": watchers.deaf_count,
            "of them dropped": int(looker.metrics["gateway"]["clipferry_websocket_dropped_total"]),
            "sign-ins": watchers.sign_in_count,
            "refreshed tokens": watchers.refresh_count,
        },
        series=series,
        quiet={measure: (before[measure], after[measure]) for measure in before if measure in after},
        lags_p99_s={name: looker.lag_p99_s(name) for name in SERVICES},
    )


@asynccontextmanager
async def _looking(looker: Looker, series: Series, began_at_s: float) -> AsyncIterator[None]:
    async def look() -> None:
        while True:
            series.add(time.monotonic() - began_at_s, await looker.look())
            await asyncio.sleep(_LOOK_EVERY_S)

    async with background(look(), name="looker"):
        yield


async def _note_messages(jobs: ChaosJobs) -> None:
    while True:
        await jobs.note_messages()
        await asyncio.sleep(_LOOK_AT_MESSAGES_EVERY_S)


async def _quiet(stack: Stack, looker: Looker) -> Mapping[Measure, float]:
    """Wait until nothing is under way, and look then."""

    async def is_quiet() -> bool:
        seen = await looker.look()
        connected = looker.metrics["gateway"]["clipferry_websocket_connected_clients"]
        return not stack.held_files() and not seen.get(Measure(FORKSERVER, CHILDREN)) and not connected

    await stack.memory_is_free()
    await eventually(is_quiet, within_s=_QUIET_WITHIN_S, what="no file, no downloader and no client is left")
    return await looker.look()


async def _missed(stream: Stream, watchers: Watchers) -> Sequence[str]:
    """Return the ends that a follower has not heard of, those of the last jobs within a few seconds."""
    ids = stream.ids
    endings = stream.endings()
    statuses = {
        ids[marker]: "failed" if ending.state == "DELIVERY_UNKNOWN" else ending.state.lower()
        for marker, ending in endings.items()
        if marker.startswith("soak-")
    }

    async def all_heard() -> bool:
        return not watchers.missed(statuses)

    try:
        await eventually(all_heard, within_s=_QUIET_WITHIN_S)
    except AssertionError:
        return watchers.missed(statuses)
    return ()


def _miscounted(looker: Looker, counted: Tally) -> Sequence[str]:
    """Compare with what the queue has counted itself."""
    ends = ("COMPLETED", "FAILED", "CANCELLED")
    outcomes = {
        end: sum(
            int(count)
            for name, count in looker.metrics["queue"].items()
            if name.startswith("clipferry_queue_outcomes_total") and f'state="{end}"' in name
        )
        for end in ends
    }
    seen = {end: counted.states[end] for end in ends}
    seen["FAILED"] += counted.states["DELIVERY_UNKNOWN"]
    return [] if seen == outcomes else [f"the queue has counted {outcomes}, the jobs are {seen}"]
