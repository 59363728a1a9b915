"""What the gateway uses inside uvicorn is still there: a new version must pass this before its pin moves."""

import asyncio
import inspect

from uvicorn import Config, Server
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState


async def test_the_protocols_names() -> None:
    protocol = WebSocketsSansIOProtocol(Config(lambda: None, ws_per_message_deflate=False), ServerState(), {})

    assert isinstance(protocol.writable, asyncio.Event)
    assert isinstance(protocol.queue, asyncio.Queue)
    assert (protocol.disconnected, protocol.close_sent, protocol.read_paused) == (False, False, False)
    assert protocol.handshake_complete is False
    assert (protocol.frames, protocol.curr_msg_data_type) == ([], "bytes")
    assert inspect.iscoroutinefunction(protocol.send)
    assert protocol.close_timer is None
    assert callable(protocol.conn.send_close)
    assert callable(protocol.conn.data_to_send)
    assert inspect.iscoroutinefunction(protocol.run_asgi)
    for name in (
        "connection_made",
        "connection_lost",
        "data_received",
        "handle_close",
        "handle_cont",
        "handle_parser_exception",
        "handle_ping",
        "pause_writing",
        "resume_writing",
        "send_receive_event_to_app",
        "shutdown",
    ):
        assert name in vars(WebSocketsSansIOProtocol)


def test_the_servers_names() -> None:
    assert {"capture_signals", "startup", "serve"} <= set(vars(Server))
    assert Server(Config(lambda: None)).should_exit is False
