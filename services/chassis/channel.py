"""Channels to other services: keepalive, balancing, and retries only where a repeat is harmless."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # A channel reconnects within seconds, not minutes, after its peer came back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A drain of one channel must not stall another to the same peer.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1 << 20),
)


@dataclass(frozen=True)
class Link:
    """A channel and the metadata that every call on it must pass by hand.

    (Client interceptors leak on long streams: grpc/grpc issue 25449.)
    """

    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]


@asynccontextmanager
async def open_link(target: str, *, token: str | None = None, retried: Sequence[str] = ()) -> AsyncIterator[Link]:
    """Open a channel to `target` for the length of the block. Nothing is connected before the first call.

    Args:
        target: ``host:port``, or ``dns:///host:port`` to balance over every address of a name.
        token: Bearer token of the services.
        retried: Methods that may be repeated on UNAVAILABLE because a repeat is harmless, each as
            ``clipferry.queue.v1.QueueService/GetJob``. Never a method that sends something.
    """
    options = [*CHANNEL_OPTIONS, ("grpc.service_config", _service_config(retried))]
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield Link(channel, metadata)


def _service_config(retried: Sequence[str]) -> str:
    names = [dict(zip(("service", "method"), name.split("/"), strict=True)) for name in retried]
    config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if names:
        config["retryThrottling"] = {"maxTokens": 10, "tokenRatio": 0.1}
        config["methodConfig"] = [
            {
                "name": names,
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    return json.dumps(config)
