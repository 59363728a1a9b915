"""What the gateway uses inside uvicorn is still there: a new version must pass this before its pin moves."""

import asyncio
import inspect
import re

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState


def test_no_more_is_asked_of_what_takes_the_place_of_its_own() -> None:
    """Of the queue of messages; and the heads of a handshake are read until it is accepted, and not again."""
    source = inspect.getsource(WebSocketsSansIOProtocol)
    readers = {
        name
        for name, member in vars(WebSocketsSansIOProtocol).items()
        if inspect.isfunction(member) and re.search(r"self\.(request|response)\b", inspect.getsource(member))
    }

    assert set(re.findall(r"self\.queue\.(\w+)", source)) == {"put_nowait", "get", "empty"}
    assert readers == {"handle_connect", "send"}


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


async def test_the_http_protocols_names() -> None:
    """Of a connection, and of one request and its answer."""
    protocol = HttpToolsProtocol(Config(lambda: None), ServerState(), {})

    assert (vars(protocol)["cycle"], vars(protocol)["timeout_keep_alive_task"]) == (None, None)
    assert (protocol.timeout_keep_alive, len(protocol.pipeline)) == (5, 0)
    for name in (
        "data_received",
        "handle_websocket_upgrade",
        "on_header",
        "on_headers_complete",
        "on_message_begin",
        "on_message_complete",
        "on_response_complete",
        "on_url",
        "send_400_response",
        "_start_asgi_task",
    ):
        assert name in vars(HttpToolsProtocol)
    assert STATUS_LINE[202] == b"HTTP/1.1 202 Accepted\r\n"
    assert not hasattr(RequestResponseCycle, "__slots__")
    assert {"disconnected", "flow", "keep_alive", "message_event", "on_response", "response_started"} < set(
        RequestResponseCycle.__init__.__code__.co_names + RequestResponseCycle.__init__.__code__.co_varnames
    )
    assert {"run_asgi", "receive", "send"} <= set(vars(RequestResponseCycle))


def test_the_servers_names() -> None:
    assert {"capture_signals", "startup", "serve"} <= set(vars(Server))
    assert Server(Config(lambda: None)).should_exit is False
