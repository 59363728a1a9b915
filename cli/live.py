"""A gateway's live messages of some jobs."""

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cli.credentials import bearer
from cli.gateway import Gateway

_SUBPROTOCOL = Subprotocol("clipferry.v1")
_OPEN_TIMEOUT_S = 5.0
_PING_EVERY_S = 5.0
_PONG_WITHIN_S = 10.0
_CLOSE_TIMEOUT_S = 1.0
_UNSAID = logging.getLogger(__name__)
"""Where the library says what it does. With no logging set up, Python would write its errors into the bars."""
_UNSAID.setLevel(logging.CRITICAL + 1)
_NEVER_BACK = range(4400, 4500)
"""Close codes after which the same connection would be closed again: docs/websocket.md."""


class LiveLostError(Exception):
    """There are no live messages.

    Args:
        is_final: Whether another try would end the same way.
        is_silent: Whether they came, and then nothing is heard of the gateway.
    """

    def __init__(self, *, is_final: bool = False, is_silent: bool = False) -> None:
        super().__init__("no live messages")
        self.is_final = is_final
        self.is_silent = is_silent


def live_messages(gateway: Gateway, job_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the messages of the channels of `job_ids`, for as long as they come.

    Raises:
        LiveLostError: When they do not come any more.
    """
    token = gateway.token()
    try:
        with connect(
            f"ws{gateway.url.removeprefix('http')}/ws",
            subprotocols=[_SUBPROTOCOL],
            additional_headers=bearer(token),
            open_timeout=_OPEN_TIMEOUT_S,
            ping_interval=_PING_EVERY_S,
            ping_timeout=_PONG_WITHIN_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            logger=_UNSAID,
            proxy=None,
        ) as socket:
            for job_id in job_ids:
                socket.send(json.dumps({"type": "subscribe", "channel": f"job:{job_id}"}))
            for frame in socket:
                message = json.loads(frame)
                if message["type"] == "error":
                    # Too many channels, or no such job: asking for each says which.
                    raise LiveLostError(is_final=not message["temporary"])
                yield message
    except ConnectionClosed as error:
        said = error.rcvd
        raise LiveLostError(is_final=said is not None and said.code in _NEVER_BACK, is_silent=said is None) from error
    except InvalidStatus as error:
        if error.response.status_code == 401:
            gateway.token(refused=token)
        raise LiveLostError from error
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise LiveLostError from error
    raise LiveLostError
