"""Routes to sign in, stay signed in, and let others in."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.body import answer, read_body
from gateway.api.described import answers, takes
from gateway.api.signed_in import Admin, SignedIn
from gateway.auth.caller import Caller
from gateway.auth.sessions import Grant, Sessions
from gateway.auth.users import Users
from gateway.views.moment import iso
from services.chassis.errors import ClipferryError, Reason

Role = Literal["user", "admin"]
KeyId = Annotated[str, Path(description="`id` of the key.")]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]

_OPEN: dict[str, Any] = {"security": []}
"""For those who have no token yet."""


class TokenRequest(msgspec.Struct, rename="camel"):
    """A way in: an API key or a pairing code."""

    api_key: Secret | None = None
    """An API key; it can be used again and again."""
    pairing_code: Secret | None = None
    """A pairing code; it can be used once."""


class RefreshRequest(msgspec.Struct, rename="camel"):
    """The newest refresh token."""

    refresh_token: Secret
    """`refreshToken` of the last answer."""


class TokenView(msgspec.Struct, rename="camel"):
    """Tokens of a session."""

    access_token: str
    """For the Authorization header and for `hello`."""
    refresh_token: str
    """For POST /api/auth/refresh."""
    token_type: str
    """Bearer."""
    expires_in: int
    """Seconds that the access token is valid."""
    user: str
    """Who is signed in."""
    role: str
    """user or admin."""


class InviteRequest(msgspec.Struct, rename="camel"):
    """Whom to let in. Default: the caller."""

    user: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """Name; a new user is added. Default: the caller."""
    role: Role = "user"
    """Role of a new user."""


class PairingView(msgspec.Struct, rename="camel"):
    """A one-time code."""

    pairing_code: str
    """Good once."""
    user: str
    """Whom it signs in."""
    expires_at: str
    """When it is no longer good."""
    link: str
    """Path of the live page that signs in with the code."""


class KeyRequest(InviteRequest):
    """Whom to give an API key."""

    label: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """What it is for."""


class KeyView(msgspec.Struct, rename="camel"):
    """An API key; it is shown this once."""

    api_key: str
    """The secret."""
    id: str
    """To remove it by."""
    user: str
    """Whom it signs in."""


_token_requests = msgspec.json.Decoder(TokenRequest)
_refresh_requests = msgspec.json.Decoder(RefreshRequest)
_invite_requests = msgspec.json.Decoder(InviteRequest)
_key_requests = msgspec.json.Decoder(KeyRequest)


def access_router(sessions: Sessions, users: Users) -> APIRouter:
    """Return the routes under /api/auth."""
    router = APIRouter(prefix="/api/auth", tags=["auth"])
    router.include_router(_session_router(sessions))
    router.include_router(_invitation_router(sessions, users))
    return router


def _session_router(sessions: Sessions) -> APIRouter:
    router = APIRouter()

    @router.post("/token", responses=answers(TokenView), openapi_extra=_OPEN | takes(TokenRequest))
    async def sign_in(request: Request) -> Response:
        """Sign in with an API key or a pairing code."""
        body = await read_body(request, _token_requests)
        if body.api_key is not None and body.pairing_code is None:
            return _tokens(await sessions.open_by_key(body.api_key))
        if body.pairing_code is not None and body.api_key is None:
            return _tokens(await sessions.open_by_code(body.pairing_code))
        held = "neither" if body.api_key is None else "both"
        raise ClipferryError(
            Reason.FIELD_INVALID, f"body must hold either apiKey or pairingCode, not {held}.", field="body"
        )

    @router.post("/refresh", responses=answers(TokenView), openapi_extra=_OPEN | takes(RefreshRequest))
    async def refresh(request: Request) -> Response:
        """Trade the refresh token for new tokens. The old one is good once more, until the new one is first used."""
        body = await read_body(request, _refresh_requests)
        return _tokens(await sessions.refresh(body.refresh_token))

    @router.post("/logout", status_code=204)
    async def sign_out(caller: SignedIn) -> None:
        """End the caller's session: its tokens are refused and its live connections are closed."""
        await sessions.revoke([caller.session_id])

    return router


def _invitation_router(sessions: Sessions, users: Users) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/pair", status_code=201, responses=answers(PairingView, 201), openapi_extra=takes(InviteRequest, needed=False)
    )
    async def pair(caller: Admin, request: Request) -> Response:
        """Make a one-time pairing code. For admins."""
        body = await read_body(request, _invite_requests, absent=InviteRequest())
        made = await users.add_code(*_invited(caller, body))
        return answer(PairingView(made.code, made.user_id, iso(made.expires_at_ms), f"/#pair={made.code}"), 201)

    @router.post("/keys", status_code=201, responses=answers(KeyView, 201), openapi_extra=takes(KeyRequest))
    async def add_key(caller: Admin, request: Request) -> Response:
        """Make an API key. For admins."""
        body = await read_body(request, _key_requests)
        made = await users.add_key(*_invited(caller, body), body.label)
        return answer(KeyView(made.key, made.id, made.user_id), 201)

    @router.delete("/keys/{key_id}", status_code=204)
    async def remove_key(_caller: Admin, key_id: KeyId) -> None:
        """Remove an API key, and end the sessions that began with it. For admins."""
        await sessions.revoke(await users.remove_key(key_id))

    return router


def _invited(caller: Caller, invitation: InviteRequest) -> tuple[str, str]:
    if invitation.user is None or invitation.user == caller.user_id:
        return caller.user_id, "admin"
    return invitation.user, invitation.role


def _tokens(grant: Grant) -> Response:
    return answer(
        TokenView(
            access_token=grant.access_token,
            refresh_token=grant.refresh_token,
            token_type="Bearer",  # noqa: S106 - the name of the scheme
            expires_in=grant.expires_in_s,
            user=grant.user_id,
            role=grant.role,
        )
    )
