"""A gateway's live messages of some jobs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cli.credentials import bearer
from cli.gateway import Gateway

_SUBPROTOCOL = Subprotocol("clipferry.v1")
_OPEN_TIMEOUT_S = 10.0
_NEVER_BACK = range(4400, 4500)
"""Close codes after which the same connection would be closed again: docs/websocket.md."""


class LiveLostError(Exception):
    """There are no live messages.

    Args:
        is_final: Whether another try would end the same way.
    """

    def __init__(self, *, is_final: bool) -> None:
        super().__init__("no live messages")
        self.is_final = is_final


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
        raise LiveLostError(is_final=error.rcvd is not None and error.rcvd.code in _NEVER_BACK) from error
    except InvalidStatus as error:
        if error.response.status_code == 401:
            gateway.token(refused=token)
        raise LiveLostError(is_final=False) from error
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise LiveLostError(is_final=False) from error
    raise LiveLostError(is_final=False)
