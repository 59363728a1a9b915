"""Routes by which an admin lets somebody in: pairing codes and API keys."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access_shapes import (
    InviteRequest,
    KeyEntryView,
    KeyListView,
    KeyRequest,
    KeyView,
    PairingEntryView,
    PairingListView,
    PairingView,
)
from gateway.api.body import answer, read_body
from gateway.api.described import answers, takes
from gateway.api.signed_in import Admin
from gateway.auth.caller import Caller
from gateway.auth.keys import KeyEntry
from gateway.auth.opening import Auth
from gateway.auth.pairing import PairingEntry
from gateway.views.moment import iso

CodeId = Annotated[str, Path(description="`id` of the code.")]
KeyId = Annotated[str, Path(description="`id` of the key.")]
OfUser = Annotated[str | None, Query(description="Whose keys. Default: everybody's.", max_length=128)]

_invite_requests = msgspec.json.Decoder(InviteRequest)
_key_requests = msgspec.json.Decoder(KeyRequest)


def invitation_router(auth: Auth) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/auth", tags=["auth"])

    @router.post(
        "/pair", status_code=201, responses=answers(PairingView, 201), openapi_extra=takes(InviteRequest, needed=False)
    )
    async def pair(caller: Admin, request: Request) -> Response:
        """Make a one-time pairing code. For admins."""
        body = await read_body(request, _invite_requests, absent=InviteRequest())
        made = await auth.codes.add(*_invited(caller, body))
        return answer(PairingView(made.code, made.user_id, iso(made.expires_at_ms), f"/#pair={made.code}"), 201)

    @router.get("/pair", responses=answers(PairingListView))
    async def list_codes(_caller: Admin) -> Response:
        """List pairing codes that are not used, without the codes themselves. For admins."""
        return answer(PairingListView([_code(entry) for entry in await auth.codes.all()]))

    @router.delete("/pair/{code_id}", status_code=204)
    async def remove_code(_caller: Admin, code_id: CodeId) -> None:
        """Take back a pairing code that is not used. For admins."""
        await auth.codes.remove(code_id)

    @router.get("/keys", responses=answers(KeyListView))
    async def list_keys(_caller: Admin, user: OfUser = None) -> Response:
        """List API keys, without the keys themselves. For admins."""
        return answer(KeyListView([_entry(entry) for entry in await auth.keys.all(user)]))

    @router.post("/keys", status_code=201, responses=answers(KeyView, 201), openapi_extra=takes(KeyRequest))
    async def add_key(caller: Admin, request: Request) -> Response:
        """Make an API key. It is shown this once. For admins."""
        body = await read_body(request, _key_requests)
        key, entry = await auth.keys.add(
            *_invited(caller, body), label=body.label, scopes=body.scopes, expires_in_s=body.expires_in_s
        )
        shown = _entry(entry)
        return answer(KeyView(**{name: getattr(shown, name) for name in shown.__struct_fields__}, api_key=key), 201)

    @router.delete("/keys/{key_id}", status_code=204)
    async def remove_key(_caller: Admin, key_id: KeyId) -> None:
        """Remove an API key, and end the sessions that began with it. For admins."""
        await auth.keys.remove(key_id)

    return router


def _invited(caller: Caller, invitation: InviteRequest) -> tuple[str, str | None]:
    if invitation.user is None or invitation.user == caller.user_id:
        return caller.user_id, "admin"
    return invitation.user, invitation.role


def _code(entry: PairingEntry) -> PairingEntryView:
    return PairingEntryView(entry.id, entry.user_id, iso(entry.created_at_ms), iso(entry.expires_at_ms))


def _entry(entry: KeyEntry) -> KeyEntryView:
    return KeyEntryView(
        id=entry.id,
        user=entry.user_id,
        label=entry.label,
        scopes=sorted(entry.scopes),
        created_at=iso(entry.created_at_ms),
        used_at=None if entry.used_at_ms is None else iso(entry.used_at_ms),
        expires_at=None if entry.expires_at_ms is None else iso(entry.expires_at_ms),
    )
