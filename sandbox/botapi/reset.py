"""Breaks a connection the hard way."""

import socket
import struct

from aiohttp import web

_LINGER_0 = struct.pack("ii", 1, 0)


def reset(request: web.Request) -> None:
    """Send the client a TCP reset."""
    transport = request.transport
    if transport is None:
        return
    # With a linger time of 0 the kernel resets instead of closing in order.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
    transport.abort()
