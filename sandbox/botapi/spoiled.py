"""Answers that go wrong after the message was accepted."""

import asyncio

from aiohttp import web

from sandbox.botapi.faults import Fault
from sandbox.botapi.reset import reset

_ENDLESS_BYTES = 64 * 1024
_DRIP_S = 0.05


async def spoiled_answer(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Answer as `fault` says; None when it has nothing to do with the answer."""
    if fault.kind == "no_answer":
        await asyncio.Event().wait()
    if fault.kind == "reset_after_body":
        reset(request)
    if fault.kind == "garbage":
        return web.Response(text='{"ok":true,"result":{"message_id":', content_type="application/json")
    if fault.kind in {"drip", "endless", "reset_in_answer"}:
        return await _unending(request, fault)
    return None


async def _unending(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Begin an answer that has no end; the client's leaving ends it."""
    response = web.StreamResponse(status=fault.code if fault.kind == "endless" else 200)
    await response.prepare(request)
    while True:
        if fault.kind == "endless":
            await response.write(b" " * _ENDLESS_BYTES)
            continue
        await response.write(b"{")
        await asyncio.sleep(_DRIP_S)
        if fault.kind == "reset_in_answer":
            reset(request)
