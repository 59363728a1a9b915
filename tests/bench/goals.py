"""The goals in figures: what docs/goals.md says, and what `make bench` measures."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One row.

    Args:
        row: Its short name, for ``make bench ONLY=…``.
        area: What it is a part of, also for ``ONLY``; a picture for each.
        work: What is done.
        goal: How well, in words.
        how: How it is measured.
    """

    row: str
    area: str
    work: str
    goal: str
    how: str


GOALS: Sequence[Goal] = (
    Goal(
        "F1",
        "fan-out",
        "Server's CPU per delivered frame of 160 bytes: Socket.IO's room emit ÷ ours",
        "100 / 1,000 / 3,000 clients: ≥ 1.3 / 1.5 / 1.5",
        "The gateway's own `/ws` with clients that said hello and subscribed; events in lines instead of from a queue. "
        "The server alone on one core, the clients, which only count bytes, on the other.",
    ),
    Goal(
        "F2",
        "fan-out",
        "The same beside Node's `ws`, and beside `websockets.broadcast()`, 1,000 clients",
        "≥ 1.1 and ≥ 1.3",
        "As F1, in the same rounds.",
    ),
    Goal(
        "F3",
        "fan-out",
        "Bursts, ≥ 500 events/s to ≥ 100 clients, tick ≤ 5 ms: our CPU per frame ÷ Socket.IO's",
        "≤ 0.15",
        "As F1, with one stream of events for both.",
    ),
    Goal(
        "F4",
        "fan-out",
        "Memory per connection",
        "≤ 30 KB",
        "Growth of the server's resident memory (RSS) over the connections, in KiB; the peers beside it.",
    ),
    Goal(
        "F5",
        "fan-out",
        "A processor's report → WebSocket client over the whole real path, 1,000 deliveries/s",
        "p50 ≤ 5 ms, p99 ≤ 20 ms",
        "Real queue and gateway processes; a worker that speaks the Work stream; one monotonic clock.",
    ),
    Goal(
        "F6",
        "fan-out",
        "10 of 1,000 clients stop reading: the others' p99 ÷ without them; growth of the server; the stuck ones gone",
        "≤ 1.2; ≤ 5 MB; ≤ 10 s",
        "With and without them in turns; each end of a job must reach all others.",
    ),
    Goal(
        "F7",
        "fan-out",
        "A reader at a tenth of the pace: the age of its newest news",
        "≤ 1 s, steady",
        "Median and 99th percentile over the second half of the run.",
    ),
    Goal(
        "Q1",
        "queue",
        "Durable lives of jobs per second over gRPC (submit, lease, complete, with outbox) ÷ BullMQ on Redis with AOF "
        "always / everysec, 64 in flight; and with begin and commit too ÷ BullMQ always",
        "≥ 1.2 / ≥ 1.0; ≥ 0.8",
        "SQLite with `synchronous=FULL`; all on one disk; both count what was completed afterwards.",
    ),
    Goal(
        "Q2",
        "queue",
        "Lives per second: PostgreSQL engine ÷ procrastinate; SQLite engine ÷ arq (AOF always)",
        "≥ 20; ≥ 8",
        "As Q1, in the same rounds; both PostgreSQL databases on one server with fsync on.",
    ),
    Goal(
        "Q3",
        "queue",
        "From a worker's credit to its assignment with 100,000 queued",
        "p99 ≤ 10 ms, and ≤ 1.5 × that with 1,000 queued",
        "One worker with one slot on a quiet queue, over gRPC; 300 claims a round, the two lengths in turns.",
    ),
    Goal(
        "A1",
        "api",
        "CPU of `POST /api/jobs` with JWT, validation, gRPC hop and durable commit: Express with jsonwebtoken "
        "(KeyObject) and an array in memory ÷ ours",
        "≥ 1.4 at 32 callers, ≥ 1.6 at 64",
        "CPU of the gateway's process; that of gateway and queue together stands beside it. Every answer is checked.",
    ),
    Goal(
        "A2", "api", "The same, latency at one client", "p50 ≤ 1.2 ms", "1,000 requests a round, one after the other."
    ),
    Goal(
        "P1",
        "pipeline",
        "Whole job, page to Bot API over loopback: ours ÷ `yt-dlp` to a tmpfs file, then `curl -F`, 5 / 40 / 300 MB",
        "≤ 0.4 / 0.6 / 0.9",
        "The four services as processes, from the request to the end that a WebSocket tells.",
    ),
    Goal(
        "P2",
        "pipeline",
        "Bytes' path processor → notifier, 300 MB",
        "≥ 400 MB/s; processor and notifier RSS + 16 MB at most each; loop lag p99 < 20 ms",
        "To a sink that reads as fast as it can and checks the length; peak RSS from the kernel.",
    ),
    Goal(
        "P3",
        "pipeline",
        "Peak tmpfs over a job",
        "≤ 1.0 × progressive, ≤ 2.0 × merged",
        "Files of the job and unlinked files that are open, looked at every 5 ms.",
    ),
    Goal("P4", "pipeline", "Cancel → child dead, tmpfs empty", "≤ 100 ms", "By REST, ten downloads under way."),
    Goal(
        "S1",
        "start",
        "Ready after start: a gRPC service / gateway / all four in one process",
        "≤ 0.15 / 0.4 / 0.5 s",
        "From the start of the interpreter until it answers, looked at every 2 ms; the CPU time of it beside it.",
    ),
    Goal(
        "S2",
        "start",
        "Idle RSS, all four in one process, before the first job",
        "≤ 82 MB",
        "2 s after the start; nothing may have been forked. The forkserver starts with the first job.",
    ),
    Goal("S3", "start", "Idle, four processes, PSS summed", "≤ 180 MB", "As S2; the RSS of each beside it."),
    Goal(
        "G1",
        "growth",
        "Cost per job and per delivery at 10 × the load",
        "≤ 1.2 ×",
        "CPU of the queue per life at 10 × the pace and with 10 × the jobs kept; CPU of the gateway's part per "
        "delivery at 10 × the clients and at 10 × the events. Ours at 10 × the load ÷ ours at the load.",
    ),
)
