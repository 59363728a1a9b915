"""The caller of a FastAPI route."""

from typing import Annotated

from fastapi import Depends, Request

from gateway.api.admission import Admission
from gateway.auth.caller import Caller
from gateway.auth.scopes import ADMIN, STATS_READ
from services.chassis.errors import ClipferryError


async def _caller(request: Request) -> Caller:
    admission: Admission = request.app.state.admission
    return await admission.caller(request)


async def _guest(request: Request) -> Caller | None:
    try:
        return await _caller(request)
    except ClipferryError:
        return None


async def _admin(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    caller.need(ADMIN)
    return caller


async def _statistician(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    caller.need(STATS_READ)
    return caller


SignedIn = Annotated[Caller, Depends(_caller)]
"""Whoever shows a valid access token; 401 otherwise."""

Admin = Annotated[Caller, Depends(_admin)]
"""Whoever has the scope admin; 403 for others."""

Statistician = Annotated[Caller, Depends(_statistician)]
"""Whoever has the scope stats:read; 403 for others."""

Guest = Annotated[Caller | None, Depends(_guest)]
"""Anybody: None without credentials, and with some that are not good."""
