"""Channels to other services: keepalive, balancing, and retries only where a repeat is harmless."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import grpc

from services.chassis.renewed_channel import renewed_channel
from services.chassis.tls import Tls
from services.chassis.tracing import passed_on

CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # A channel reconnects at once, not after minutes, when its peer has come back: in a rolling restart the next peer
    # is stopped soon after.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # What this one bounds, despite its name, is how long a try to connect may take (at least): a peer that is short of
    # CPU, or far away, needs more than a moment for its first word.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    # A name is looked up again soon after a peer has gone. With the default, half a minute, a rollout of two could be
    # over before its caller knows of the new ones.
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    # A drain of one channel must not stall another to the same peer.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1 << 20),
    # A part of a file in one frame; the default cuts it into dozens.
    ("grpc.http2.max_frame_size", 1 << 20),
)

_ANSWER_SHARE = 0.6
"""How long a silent peer may take to answer that it is still there, as a share of the silence before the question."""


@dataclass(frozen=True)
class Link:
    """A channel and the metadata that every call on it must pass by hand.

    (Client interceptors leak on long streams: grpc/grpc issue 25449.)
    """

    channel: grpc.aio.Channel
    token: str | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Who calls, and to which request and trace a call belongs that is made in this line."""
        shown = () if self.token is None else (("authorization", f"Bearer {self.token}"),)
        return (*shown, *passed_on())


@asynccontextmanager
async def open_link(
    target: str,
    *,
    token: str | None = None,
    retried: Sequence[str] = (),
    tls: Tls | None = None,
    keepalive_s: float = 8.0,
) -> AsyncIterator[Link]:
    """Open a channel to `target` for the length of the block. Nothing is connected before the first call.

    Args:
        target: ``host:port``, or ``dns:///host:port`` to balance over every address of a name.
        token: Bearer token of the services.
        retried: Methods that may be repeated on UNAVAILABLE because a repeat is harmless, each as
            ``clipferry.queue.v1.QueueService/GetJob``. Never a method that sends something.
        tls: Who this is and whom it believes; None: plain text.
        keepalive_s: Seconds without a byte after which a peer is asked whether it is still there. One that has been
            frozen, or lost its power, is given up within twice that, and its work goes on elsewhere.

    Raises:
        StartError: If the files of TLS cannot be used.
    """
    options = [
        *CHANNEL_OPTIONS,
        ("grpc.keepalive_time_ms", round(keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", round(keepalive_s * 1000 * _ANSWER_SHARE)),
        # gRPC 1.85 heeds this one, which would be a minute, for a peer that is frozen: its kernel still acknowledges.
        ("grpc.http2.ping_timeout_ms", round(keepalive_s * 1000 * _ANSWER_SHARE)),
        ("grpc.service_config", _service_config(retried)),
    ]
    if tls is not None:
        async with renewed_channel(tls, partial(grpc.aio.secure_channel, target, options=options)) as channel:
            yield Link(channel, token)
        return
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield Link(channel, token)


def _service_config(retried: Sequence[str]) -> str:
    names = [dict(zip(("service", "method"), name.split("/"), strict=True)) for name in retried]
    config: dict[str, object] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        # A server that drains says so before it refuses, and gets no new call in between (gRFC A17).
        "healthCheckConfig": {"serviceName": ""},
    }
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
