"""``python -m tests.bench.pipeline.sink PORT``: a Bot API that only reads. It must never be the slow part."""

import sys

from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """Read the body to its end and say that it was sent."""
    received_bytes = 0
    async for chunk in request.content.iter_any():
        received_bytes += len(chunk)
    if request.content_length is not None and received_bytes != request.content_length:
        return web.json_response({"ok": False, "error_code": 400, "description": "short"}, status=400)
    chat = {"id": 1, "type": "private"}
    sent = {"message_id": 1, "date": 1, "chat": chat, "text": str(received_bytes)}
    return web.json_response({"ok": True, "result": sent})


if __name__ == "__main__":
    app = web.Application(client_max_size=1 << 40)
    app.router.add_route("*", "/{path:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
