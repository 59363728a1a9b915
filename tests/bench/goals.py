"""The goals in figures: what docs/goals.md says, and what `make bench` measures."""

from collections.abc import Sequence
from dataclasses import dataclass

NO_PROFILE = "no profile says yet why."


@dataclass(frozen=True)
class Goal:
    """One row.

    Args:
        row: Its short name, for ``make bench ONLY=…``.
        area: What it is a part of, also for ``ONLY``; a picture for each.
        work: What is done.
        goal: How well, in words.
        how: How it is measured.
        profile: Where its time or memory goes. Shown where it falls short.
    """

    row: str
    area: str
    work: str
    goal: str
    how: str
    profile: str = ""


GOALS: Sequence[Goal] = (
    Goal(
        "F1",
        "fan-out",
        "Server's CPU per delivered frame of 160 bytes: Socket.IO's room emit ÷ ours",
        "100 / 1,000 / 3,000 clients: ≥ 1.3 / 1.5 / 1.5",
        "The gateway's own `/ws` with clients that said hello and subscribed; events in lines instead of from a "
        "queue. The server alone on one core, the clients, which only count bytes, on the other. The goals are those "
        "of one event at a time: the next comes when all have the one before. Several at once, which ours joins into "
        "one write and the peers do not, stand beside it.",
        "An event that comes alone needs a write for each client. Of the server's time with 100 clients 73 % are "
        "the kernel's in that write (TCP, loopback, waking the reader), which Socket.IO pays as well, 20 % Python and "
        "5 % uvloop; with 1,000 clients 77, 19 and 3 %. Python needs 0.2 µs a client where everything is in the "
        "cache, and a microsecond with 1,000 sockets in turns. Several events at once share a write (decision 29).",
    ),
    Goal(
        "F2",
        "fan-out",
        "The same beside Node's `ws`, and beside `websockets.broadcast()`, 1,000 clients",
        "≥ 1.1 and ≥ 1.3",
        "As F1, in the same rounds; one event at a time, and several at once beside it.",
        "The kernel's write, 4.1 of our 5.3 µs with 1,000 clients, is the same for all. Beside it we spend 1.2 µs, ws "
        "1.5 and broadcast() 2.3; the goals leave us 1.0 and 0.8 (F1).",
    ),
    Goal(
        "F3",
        "fan-out",
        "Bursts, ≥ 500 events/s to ≥ 100 clients, tick ≤ 5 ms: our CPU per frame ÷ Socket.IO's",
        "≤ 0.15",
        "As F1, with one stream of events for both.",
        "Events that come one by one need a write for each client and tick, and the kernel makes a write of ours "
        "cost what one of Socket.IO's does. 500 a second are two or three frames a tick; 1,200 are six, which leaves "
        "0.17 at best. What comes together, as a queue sends it, is far below the goal (decision 29).",
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
        "With and without them in turns, each of them first in every second round; each end of a job must reach all "
        "others.",
    ),
    Goal(
        "F7",
        "fan-out",
        "A reader at a tenth of the pace: the age of its newest news",
        "≤ 1 s, steady",
        "It reads a tenth of the bytes that are written to who keeps up; one event of ten is the end of a job, which "
        "must arrive, so that there is room for just those. Median and 99th percentile over the second half of 20 s. "
        "Steady: from the middle third to the last the median grows by at most 0.05 s each second. Socket.IO beside "
        "it, with a reader of as many bytes.",
    ),
    Goal(
        "Q1",
        "queue",
        "Durable lives of jobs per second over gRPC (submit, lease, complete, with outbox) ÷ BullMQ on Redis with "
        "AOF always / everysec, 64 in flight; and with begin and commit too ÷ BullMQ always",
        "≥ 1.2 / ≥ 1.0; ≥ 0.8",
        "SQLite with `synchronous=FULL`; all on one disk; both count what was completed afterwards. Ours has a load "
        "client that submits and works in one process; the peers have none: what adds and what works is the library "
        "itself, in a process each.",
        "The queue fills one core. Of a life of three steps, 100 µs of CPU when this machine is fast, 52 % hold the "
        "interpreter's lock: 11 bind the values of six rows, 10 decide and encode three changes, 7 take in the "
        "submission, 9 write and read the worker's messages, and the rest is asyncio, gRPC's callbacks and many small "
        "things. 48 % do not: 16 SQLite, 20 the kernel (42 pages of log for each commit, its sync, changes of "
        "threads, sockets), 12 gRPC and the allocator. Redis does in C what the 52 do (decisions 30 and 34).",
    ),
    Goal(
        "Q2",
        "queue",
        "Lives per second: PostgreSQL engine ÷ procrastinate; SQLite engine ÷ arq (AOF always)",
        "≥ 20; ≥ 8",
        "As Q1, in the same rounds; both PostgreSQL databases on one server with fsync on.",
        "SQLite: as Q1. PostgreSQL: what the queue and the database need for a life, shown in the row, comes mostly "
        "one after the other, since one transaction at a time holds the lock (decision 10). procrastinate with its "
        "jobs deferred in batches makes some 800 lives a second on this machine, so 20 times that would be one life "
        "each 60 µs, a third of that sum.",
    ),
    Goal(
        "Q3",
        "queue",
        "From a worker's credit to its assignment with 100,000 queued",
        "p99 ≤ 10 ms, and ≤ 1.5 × that with 1,000 queued",
        "One worker with one slot on a quiet queue, over gRPC; 300 claims a round, the lengths in turns. The load "
        "client shares both cores with the queue and mostly waits.",
    ),
    Goal(
        "A1",
        "api",
        "CPU of `POST /api/jobs` with JWT, validation, gRPC hop and durable commit: Express with jsonwebtoken "
        "(KeyObject) and an array in memory ÷ ours",
        "≥ 1.4 at 32 callers, ≥ 1.6 at 64",
        "CPU of the gateway's process; that of gateway and queue together stands beside it. Both databases lie on a "
        "disk. Every answer is checked, and after each run that the queue has exactly the jobs that were accepted.",
    ),
    Goal(
        "A2",
        "api",
        "The same, latency at one client",
        "p50 ≤ 1.2 ms",
        "1,000 requests a round, one after the other; Express beside it, in turns. Otherwise as A1. The load client "
        "has the second core, with the queue.",
        "Of 1.25 ms the queue's call takes 0.93: 0.42 are an empty gRPC call there and back, 0.5 the decision, a "
        "change of threads and back, and the commit with its sync. The rest is HTTP and the gateway; an answer "
        "without anything behind it takes 0.19. Each step wakes another process or thread.",
    ),
    Goal(
        "P1",
        "pipeline",
        "Whole job, page to Bot API over loopback: ours ÷ `yt-dlp` to a tmpfs file, then `curl -F`, 5 / 40 / 300 MB",
        "≤ 0.4 / 0.6 / 0.9",
        "The four services as processes, from the request to the end that a WebSocket tells. The Bot API's stand-in "
        "counts the bytes of each file, which must be those of the clip. Site and client are one process, the stand-in "
        "another, for ours and for the peer: what they use of the cores stands beside it.",
    ),
    Goal(
        "P2",
        "pipeline",
        "Bytes' path processor → notifier, 300 MB",
        "≥ 400 MB/s; processor and notifier RSS + 16 MB at most each; loop lag p99 < 20 ms",
        "The processor's own sending code in a process of the benchmark, from a file on tmpfs without a name, to a "
        "sink that reads as fast as it can and counts the bytes of the file, which are compared after each run; httpx "
        "reads the same file. No load client is beside it; what the sink uses of a core is shown. Peak RSS from the "
        "kernel.",
    ),
    Goal(
        "P3",
        "pipeline",
        "Peak tmpfs over a job",
        "≤ 1.0 × progressive, ≤ 2.0 × merged",
        "Files of the job and unlinked files that are open, looked at every 5 ms while a job runs alone. Of the 100 "
        "jobs on 200 MB, ten at once: all files together, looked at every 10 ms, against the limit; the sink counts "
        "the bytes of each file, which must be those of the video. Site and looking are one process.",
    ),
    Goal(
        "P4",
        "pipeline",
        "Cancel → child dead, tmpfs empty",
        "≤ 100 ms",
        "Ten times, one job at a time: a download that would never end holds its first bytes when its owner cancels it "
        "by REST. Measured from that request until the child is gone, the job's directory too, and no file is held. "
        "There is no load.",
    ),
    Goal(
        "S1",
        "start",
        "Ready after start: a gRPC service / gateway / all four in one process",
        "≤ 0.15 / 0.4 / 0.5 s",
        "From the start of the interpreter until it answers, looked at every 2 ms; the CPU time of it beside it. There "
        "is no load.",
        "Nearly all of it is loading modules: Python 0.02 s, asyncio 0.03, structlog 0.02, pydantic with the "
        "settings 0.08, gRPC, the messages and our own 0.05 (decisions 32 and 35). The gateway loads FastAPI, "
        "Starlette and OpenTelemetry's API too, 0.09 s, cryptography's library, which its keys need, 0.05, and more "
        "of our own, 0.05; all in one process loads the gateway's and the services' once.",
    ),
    Goal(
        "S2",
        "start",
        "Idle RSS, all four in one process, before the first job",
        "≤ 82 MB",
        "2 s after the start; nothing may have been forked. The forkserver starts with the first job, and is shown "
        "apart after one that went nowhere.",
        "FastAPI is 9 MB of it: pydantic's models of OpenAPI, pydantic's first version and OpenTelemetry's API, "
        "which it loads itself. It stays (decision 35).",
    ),
    Goal("S3", "start", "Idle, four processes, PSS summed", "≤ 180 MB", "As S2; the RSS of each beside it."),
    Goal(
        "G1",
        "growth",
        "Cost per job and per delivery at 10 × the load",
        "≤ 1.2 ×",
        "CPU of the queue per life at 10 × the pace and with 10 × the jobs kept (a fresh queue for each, asked for its "
        "number of jobs); CPU of the gateway's part per delivery at 10 × the clients and at 10 × the events. In turns; "
        "ours at 10 × the load ÷ ours at the load.",
    ),
)
