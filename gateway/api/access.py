"""Routes to sign in, stay signed in, and let others in."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from gateway.api.signed_in import Admin, SignedIn
from gateway.auth.caller import Caller
from gateway.auth.sessions import Grant, Sessions
from gateway.auth.users import Users
from gateway.views.moment import iso

Role = Literal["user", "admin"]
Secret = Annotated[str, Field(min_length=1, max_length=512)]


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True)


class TokenRequest(_Camel):
    """A way in: an API key or a pairing code."""

    api_key: Secret | None = None
    pairing_code: Secret | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "TokenRequest":
        if (self.api_key is None) == (self.pairing_code is None):
            raise ValueError("send either apiKey or pairingCode")
        return self


class RefreshRequest(_Camel):
    """The newest refresh token."""

    refresh_token: Secret


class TokenAnswer(_Camel):
    """Tokens of a session."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of the scheme
    expires_in: int
    """Seconds that the access token is valid."""
    user: str
    role: Role


class InviteRequest(_Camel):
    """Whom to let in. Default: the caller."""

    user: Annotated[str, Field(max_length=64)] | None = None
    """Name; a new user is added."""
    role: Role = "user"
    """Role of a new user."""


class PairingAnswer(_Camel):
    """A one-time code."""

    pairing_code: str
    user: str
    expires_at: str
    link: str
    """Path of the live page that signs in with the code."""


class KeyRequest(InviteRequest):
    """Whom to give an API key."""

    label: Annotated[str, Field(max_length=100)] = ""
    """What it is for."""


class KeyAnswer(_Camel):
    """An API key; it is shown this once."""

    api_key: str
    id: str
    user: str


def access_router(sessions: Sessions, users: Users) -> APIRouter:
    """Return the routes under /api/auth."""
    router = APIRouter(prefix="/api/auth", tags=["auth"])
    router.include_router(_session_router(sessions))
    router.include_router(_invitation_router(sessions, users))
    return router


def _session_router(sessions: Sessions) -> APIRouter:
    router = APIRouter()

    @router.post("/token", openapi_extra={"security": []})
    async def sign_in(body: TokenRequest) -> TokenAnswer:
        """Sign in with an API key or a pairing code."""
        if body.api_key is not None:
            return _tokens(await sessions.open_by_key(body.api_key))
        return _tokens(await sessions.open_by_code(body.pairing_code or ""))

    @router.post("/refresh", openapi_extra={"security": []})
    async def refresh(body: RefreshRequest) -> TokenAnswer:
        """Trade the refresh token for new tokens. The old one is good once more, until the new one is first used."""
        return _tokens(await sessions.refresh(body.refresh_token))

    @router.post("/logout", status_code=204)
    async def sign_out(caller: SignedIn) -> None:
        """End the caller's session: its tokens are refused and its live connections are closed."""
        await sessions.revoke([caller.session_id])

    return router


def _invitation_router(sessions: Sessions, users: Users) -> APIRouter:
    router = APIRouter()

    @router.post("/pair", status_code=201)
    async def pair(caller: Admin, body: InviteRequest | None = None) -> PairingAnswer:
        """Make a one-time pairing code. For admins."""
        made = await users.add_code(*_invited(caller, body or InviteRequest()))
        link = f"/#pair={made.code}"
        return PairingAnswer(pairing_code=made.code, user=made.user_id, expires_at=iso(made.expires_at_ms), link=link)

    @router.post("/keys", status_code=201)
    async def add_key(caller: Admin, body: KeyRequest) -> KeyAnswer:
        """Make an API key. For admins."""
        made = await users.add_key(*_invited(caller, body), body.label)
        return KeyAnswer(api_key=made.key, id=made.id, user=made.user_id)

    @router.delete("/keys/{key_id}", status_code=204)
    async def remove_key(_caller: Admin, key_id: str) -> None:
        """Remove an API key, and end the sessions that began with it. For admins."""
        await sessions.revoke(await users.remove_key(key_id))

    return router


def _invited(caller: Caller, invitation: InviteRequest) -> tuple[str, str]:
    if invitation.user is None or invitation.user == caller.user_id:
        return caller.user_id, "admin"
    return invitation.user, invitation.role


def _tokens(grant: Grant) -> TokenAnswer:
    return TokenAnswer(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        expires_in=grant.expires_in_s,
        user=grant.user_id,
        role="admin" if grant.role == "admin" else "user",
    )
