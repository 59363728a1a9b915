"""Routes by which somebody lets himself in elsewhere, and an admin others: pairing codes and API keys."""

from collections.abc import Sequence
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
from gateway.api.signed_in import SignedIn
from gateway.api.whose import check_whole, whose
from gateway.auth.caller import Caller
from gateway.auth.endings import key_session
from gateway.auth.keys import KeyEntry, check_scopes
from gateway.auth.opening import Auth
from gateway.auth.pairing import PairingEntry
from gateway.views.moment import iso

CodeId = Annotated[str, Path(description="`id` of the code.")]
KeyId = Annotated[str, Path(description="`id` of the key.")]
OfUser = Annotated[
    str | None, Query(description="Whose keys. Default: yours; for admins, everybody's.", max_length=128)
]

_invite_requests = msgspec.json.Decoder(InviteRequest)
_key_requests = msgspec.json.Decoder(KeyRequest)


def invitation_router(auth: Auth) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/auth", tags=["auth"])

    @router.post(
        "/pair", status_code=201, responses=answers(PairingView, 201), openapi_extra=takes(InviteRequest, needed=False)
    )
    async def pair(caller: SignedIn, request: Request) -> Response:
        """Make a one-time pairing code: for another device of yours, or, as an admin, for another user."""
        body = await read_body(request, _invite_requests, absent=InviteRequest())
        user_id = whose(caller, body.user)
        parent = None
        if user_id == caller.user_id:
            # Whoever comes in by a code may do all that the role may.
            check_whole(caller, "may not let in somebody who has no limits")
            parent = await auth.keys.behind(caller)
        made = await auth.codes.add(user_id, made_by="" if parent is None else parent.id)
        return answer(PairingView(made.code, made.user_id, iso(made.expires_at_ms), f"/#pair={made.code}"), 201)

    @router.get("/pair", responses=answers(PairingListView))
    async def list_codes(caller: SignedIn) -> Response:
        """List pairing codes that are not used, without the codes themselves: yours; for admins, everybody's."""
        return answer(PairingListView([_code(entry) for entry in await auth.codes.all(caller.owner_filter or None)]))

    @router.delete("/pair/{code_id}", status_code=204)
    async def remove_code(caller: SignedIn, code_id: CodeId) -> None:
        """Take back a pairing code that is not used: one of yours; for admins, anybody's."""
        if not caller.is_admin:
            check_whole(caller, "may take back no code")
        await auth.codes.remove(code_id, caller.owner_filter or None)

    @router.get("/keys", responses=answers(KeyListView))
    async def list_keys(caller: SignedIn, user: OfUser = None) -> Response:
        """List API keys, without the keys themselves: yours; for admins, everybody's."""
        wanted = whose(caller, user) if user is not None else caller.owner_filter or None
        return answer(KeyListView([_entry(entry) for entry in await auth.keys.all(wanted)]))

    @router.post("/keys", status_code=201, responses=answers(KeyView, 201), openapi_extra=takes(KeyRequest))
    async def add_key(caller: SignedIn, request: Request) -> Response:
        """Make an API key for yourself, or, as an admin, for another user. It is shown this once.

        One for yourself may be used for no more than the credentials that it is made with; if those are a key, or began
        with one, it ends with that one.
        """
        body = await read_body(request, _key_requests)
        user_id, scopes, parent = whose(caller, body.user), _scopes(body.scopes), None
        if user_id == caller.user_id:
            scopes, parent = _own_scopes(caller, scopes), await auth.keys.behind(caller)
        key, entry = await auth.keys.add(
            user_id, label=body.label, scopes=scopes, expires_in_s=body.expires_in_s, parent=parent
        )
        shown = _entry(entry)
        return answer(KeyView(**{name: getattr(shown, name) for name in shown.__struct_fields__}, api_key=key), 201)

    @router.delete("/keys/{key_id}", status_code=204)
    async def remove_key(caller: SignedIn, key_id: KeyId) -> None:
        """Remove an API key, with the keys that were made with it, and end the sessions that began with them.

        One of yours; for admins, anybody's.
        """
        if not caller.is_admin and key_session(key_id) != caller.session_id:
            check_whole(caller, "may remove no other key")
        await auth.keys.remove(key_id, caller.owner_filter or None)

    return router


def _scopes(wanted: Sequence[str] | None) -> frozenset[str] | None:
    return None if wanted is None else frozenset(wanted)


def _own_scopes(caller: Caller, wanted: frozenset[str] | None) -> frozenset[str] | None:
    """Return what the caller's new key may be used for: no more than what he came with."""
    if wanted is None:
        return caller.scopes if caller.is_limited else None
    check_scopes(wanted, caller.scopes, "that you may use now")
    return wanted


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
