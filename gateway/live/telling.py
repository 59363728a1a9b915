"""One frame to many clients: the loop that runs for every message and every client."""

from collections.abc import Hashable, Iterable
from typing import Protocol

from gateway.live.bundle import Bundle
from gateway.live.socket import SharedFrameProtocol


class HasSocket(Protocol):
    """A client."""

    socket: SharedFrameProtocol


def push_to_all(clients: Iterable[HasSocket], frame: bytes, key: Hashable = None) -> None:
    """`push` the same to many. Most of them share a bundle: for those it is worked out once."""
    shared: Bundle | None = None
    longer: Bundle | None = None
    for client in clients:
        socket = client.socket
        if longer is None or socket.bundle is not shared:
            shared = socket.bundle
            socket.push(frame, key)
            longer = socket.bundle
        elif shared is not None:
            socket.bundle = longer
        elif socket.is_free:
            socket.ticker.join(socket)
            socket.bundle = longer
        else:
            socket.push(frame, key)
