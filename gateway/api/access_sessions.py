"""Routes of sign-ins: to begin one, to keep it, to see and to end them."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access_shapes import RefreshRequest, SessionListView, SessionView, TokenRequest, TokenView
from gateway.api.body import answer, read_body
from gateway.api.described import answers, takes
from gateway.api.signed_in import SignedIn
from gateway.api.whose import check_whole, whose
from gateway.auth.caller import Caller
from gateway.auth.opening import Auth
from gateway.auth.refreshing import taken_apart
from gateway.auth.scopes import joined
from gateway.auth.sessions import Grant, Session
from gateway.views.moment import iso
from services.chassis.errors import ClipferryError, Reason

SessionId = Annotated[str, Path(description="`id` of the session.")]
OfUser = Annotated[str | None, Query(description="Whose; another than yourself only for admins.", max_length=128)]

_OPEN: dict[str, Any] = {"security": []}
"""For those who have no token yet."""

_token_requests = msgspec.json.Decoder(TokenRequest)
_refresh_requests = msgspec.json.Decoder(RefreshRequest)


def session_router(auth: Auth) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/auth", tags=["auth"])

    @router.post("/token", responses=answers(TokenView), openapi_extra=_OPEN | takes(TokenRequest))
    async def sign_in(request: Request) -> Response:
        """Sign in with an API key or a pairing code."""
        body = await read_body(request, _token_requests)
        client, address = request.headers.get("user-agent", ""), _address(request)
        if body.api_key is not None and body.pairing_code is None:
            await auth.attempts.sign_in(address)
            return _tokens(await auth.sessions.open_by_key(body.api_key, client, address))
        if body.pairing_code is not None and body.api_key is None:
            await auth.attempts.pair(address)
            return _tokens(await auth.sessions.open_by_code(body.pairing_code, client, address))
        held = "; it holds neither" if body.api_key is None else ", not both"
        raise ClipferryError(Reason.FIELD_INVALID, f"body must hold apiKey or pairingCode{held}.", field="body")

    @router.post("/refresh", responses=answers(TokenView), openapi_extra=_OPEN | takes(RefreshRequest))
    async def refresh(request: Request) -> Response:
        """Trade the refresh token for new tokens. The old one is good until the new one is first used."""
        body = await read_body(request, _refresh_requests)
        await auth.attempts.refresh(_address(request), taken_apart(body.refresh_token).session_id)
        return _tokens(await auth.sessions.refresh(body.refresh_token))

    @router.post("/logout", status_code=204)
    async def sign_out(caller: SignedIn) -> None:
        """End the caller's session: its tokens are refused and its live connections are closed."""
        _check_session(caller)
        await auth.sessions.end(caller.session_id, caller.user_id)

    @router.get("/sessions", responses=answers(SessionListView))
    async def list_sessions(caller: SignedIn, user: OfUser = None) -> Response:
        """List the sign-ins of a user that have not ended. Default: the caller's."""
        found = await auth.sessions.all(whose(caller, user))
        return answer(SessionListView([_view(session, caller) for session in found]))

    @router.delete("/sessions", status_code=204)
    async def end_sessions(caller: SignedIn, user: OfUser = None) -> None:
        """Sign out everywhere: end every session of a user. Default: the caller's, this one too."""
        check_whole(caller, "may end only their own session")
        await auth.sessions.end_all(whose(caller, user))

    @router.delete("/sessions/{session_id}", status_code=204)
    async def end_session(caller: SignedIn, session_id: SessionId) -> None:
        """End one session of the caller's; for admins, of anybody's."""
        if session_id != caller.session_id:
            check_whole(caller, "may end only their own session")
        await auth.sessions.end(session_id, None if caller.is_admin else caller.user_id)

    return router


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _check_session(caller: Caller) -> None:
    if ":" in caller.session_id:
        raise ClipferryError(
            Reason.FIELD_INVALID, "Authorization must hold an access token of a session to sign out.", field="header"
        )


def _view(session: Session, caller: Caller) -> SessionView:
    return SessionView(
        id=session.id,
        user=session.user_id,
        client=session.client,
        key_id=session.key_id or None,
        created_at=iso(session.created_at_ms),
        refreshed_at=iso(session.refreshed_at_ms),
        expires_at=iso(session.expires_at_ms),
        current=session.id == caller.session_id,
    )


def _tokens(grant: Grant) -> Response:
    return answer(
        TokenView(
            access_token=grant.access_token,
            refresh_token=grant.refresh_token,
            token_type="Bearer",  # noqa: S106 - the name of the scheme
            expires_in=grant.expires_in_s,
            user=grant.user_id,
            role=grant.role,
            scope=joined(grant.scopes),
            session_id=grant.session_id,
        )
    )
