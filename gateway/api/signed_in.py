"""The caller of a FastAPI route."""

from typing import Annotated

from fastapi import Depends, Request

from gateway.auth.caller import Caller
from gateway.auth.gate import Gate
from services.chassis.errors import ClipferryError, Reason


async def _caller(request: Request) -> Caller:
    gate: Gate = request.app.state.gate
    return gate.caller(request.headers.get("authorization"))


async def _admin(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    if not caller.is_admin:
        raise ClipferryError(Reason.PERMISSION_DENIED, "Only an admin may do this.")
    return caller


SignedIn = Annotated[Caller, Depends(_caller)]
"""Whoever shows a valid access token; 401 otherwise."""

Admin = Annotated[Caller, Depends(_admin)]
"""An admin; 403 for others."""
