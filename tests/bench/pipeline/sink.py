"""``python -m tests.bench.pipeline.sink PORT``: a Bot API that only reads. It must never be the slow part.

``/received`` tells how many bytes each file had that has arrived, in order; of one that was cut, a number below 0.
"""

import sys

import httpx
from aiohttp import web

_HEAD_BYTES = 1 << 20
"""A form's fields and thumbnail are shorter, so that its file begins before that."""
_TAIL_BYTES = 256
"""A form's end is shorter."""
_FILE_NAME = b'name="video"'
_FILES_BYTES = web.AppKey("files_bytes", list[int])


async def received_bytes(sink_url: str) -> list[int]:
    """Ask a sink how many bytes each file had that has arrived, in order."""
    async with httpx.AsyncClient(base_url=sink_url, trust_env=False) as http:
        return [int(file_bytes) for file_bytes in (await http.get("/received")).raise_for_status().json()]


async def _received(request: web.Request) -> web.Response:
    return web.json_response(request.app[_FILES_BYTES])


async def _answer(request: web.Request) -> web.Response:
    """Read the body to its end and say that it was sent."""
    body_bytes = 0
    head, tail = bytearray(), b""
    async for chunk in request.content.iter_any():
        body_bytes += len(chunk)
        if len(head) < _HEAD_BYTES:
            head += chunk
        tail = (tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]
    is_whole = request.content_length in (None, body_bytes)
    if request.content_type == "multipart/form-data":
        file_bytes = _file_bytes(request.headers["Content-Type"], body_bytes, bytes(head), tail)
        is_whole = is_whole and file_bytes >= 0
        request.app[_FILES_BYTES].append(file_bytes)
    elif request.headers.get("Content-Type") == "application/octet-stream":  # also what aiohttp says where none is
        request.app[_FILES_BYTES].append(body_bytes)
    if not is_whole:
        return web.json_response({"ok": False, "error_code": 400, "description": "not whole"}, status=400)
    chat = {"id": 1, "type": "private"}
    sent = {"message_id": 1, "date": 1, "chat": chat, "text": str(body_bytes)}
    return web.json_response({"ok": True, "result": sent})


def _file_bytes(content_type: str, body_bytes: int, head: bytes, tail: bytes) -> int:
    """Return the bytes of the file that a form ends with; below 0 if it does not end, or has none."""
    boundary = content_type.partition("boundary=")[2].strip('"')
    end = f"\r\n--{boundary}--\r\n".encode()
    named_at = head.find(_FILE_NAME)
    begins_at = head.find(b"\r\n\r\n", named_at) + 4
    if named_at < 0 or begins_at < 4 or not tail.endswith(end):
        return -1
    return body_bytes - begins_at - len(end)


if __name__ == "__main__":
    app = web.Application(client_max_size=1 << 40)
    app[_FILES_BYTES] = []
    app.router.add_get("/received", _received)
    app.router.add_route("*", "/{path:.*}", _answer)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
