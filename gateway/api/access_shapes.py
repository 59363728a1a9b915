"""What is said and answered under /api/auth and /api/admin."""

from typing import Annotated, Literal

import msgspec

Role = Literal["user", "admin"]
Scope = Literal["jobs:read", "jobs:write", "stats:read", "admin"]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
UserName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Chats = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=64)]], msgspec.Meta(max_length=100)]


class TokenRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A way in: an API key or a pairing code."""

    api_key: Secret | None = None
    """An API key; it can be used again and again."""
    pairing_code: Secret | None = None
    """A pairing code; it can be used once."""


class RefreshRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
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
    scope: str
    """What the access token may be used for, with blanks between."""
    session_id: str
    """`id` of the session in GET /api/auth/sessions."""


class SelfView(msgspec.Struct, rename="camel"):
    """Who asks, and what for."""

    user: str
    """Who is signed in."""
    scopes: list[str]
    """What the credentials may be used for."""
    chats: list[str]
    """Where the user may send to: chat ids, @names, `default` for the operator's chat, `*` for any."""


class SessionView(msgspec.Struct, rename="camel"):
    """A sign-in that has not ended."""

    id: str
    """To end it by."""
    user: str
    """Who is signed in."""
    client: str
    """What the client said it was (User-Agent), cut."""
    key_id: str | None
    """API key that it began with, by way of a pairing code too; null for other ways."""
    created_at: str
    """When somebody signed in."""
    refreshed_at: str
    """When its tokens were last refreshed."""
    expires_at: str
    """When it ends by itself."""
    current: bool
    """Whether it is the one that asks."""


class SessionListView(msgspec.Struct, rename="camel"):
    """Sign-ins, newest first."""

    sessions: list[SessionView]


class InviteRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Whom to let in. Default: the caller."""

    user: UserName | None = None
    """Name; of another than yourself only for admins. Default: the caller."""


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


class PairingEntryView(msgspec.Struct, rename="camel"):
    """What is known of a code that is not used; never the code itself."""

    id: str
    """To take it back by."""
    user: str
    """Whom it signs in."""
    created_at: str
    """When it was made."""
    expires_at: str
    """When it is no longer good."""


class PairingListView(msgspec.Struct, rename="camel"):
    """Codes that are still good, oldest first."""

    codes: list[PairingEntryView]


class KeyRequest(InviteRequest, forbid_unknown_fields=True):
    """Whom to give an API key."""

    label: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """What it is for."""
    scopes: Annotated[list[Scope], msgspec.Meta(extra_json_schema={"minItems": 1})] | None = None
    """What it may be used for, one at least: of what the user's role may do, and of your own keys what you may do now.
    Default: all of that."""
    expires_in_s: Annotated[int, msgspec.Meta(ge=1, le=315_360_000)] | None = None
    """Seconds that it is good. Default: until it is removed."""


class KeyEntryView(msgspec.Struct, rename="camel"):
    """What is known of an API key; never the key itself."""

    id: str
    """To remove it by."""
    user: str
    """Whom it signs in."""
    label: str
    """What it is for."""
    scopes: list[str]
    """What it may be used for; empty: all that the user's role may do."""
    created_at: str
    """When it was made."""
    used_at: str | None
    """When it was last used, to the hour; null: never."""
    expires_at: str | None
    """When it is no longer good; null: when it is removed."""


class KeyView(KeyEntryView):
    """A new API key; it is shown this once."""

    api_key: Secret
    """The secret: for POST /api/auth/token, or as a Bearer token by itself."""


class KeyListView(msgspec.Struct, rename="camel"):
    """API keys, oldest first."""

    keys: list[KeyEntryView]


class UserRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A new user."""

    user: UserName
    """Name: 1 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or digit."""
    role: Role = "user"
    """What the user may do."""
    chats: Chats | None = None
    """Where the user may send to: chat ids, @names, `default` for the operator's chat, `*` for any. Default: only
    `default`."""


class UserChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What is to be different; the rest stays."""

    role: Role | None = None
    """Another one ends the user's sessions."""
    chats: Chats | None = None
    """The whole new list. See `UserRequest`."""
    enabled: bool | None = None
    """Whether the user may come in; false ends the sessions and refuses the keys, at once."""


class UserView(msgspec.Struct, rename="camel"):
    """A user."""

    user: str
    """Name; with a colon: of another issuer."""
    role: str
    """user or admin."""
    chats: list[str]
    """Where the user may send to; an admin may anywhere."""
    enabled: bool
    """Whether the user may come in."""
    created_at: str
    """When the user was added."""


class UserListView(msgspec.Struct, rename="camel"):
    """Users, by name."""

    users: list[UserView]


ACCESS_SHAPES = (
    TokenRequest,
    RefreshRequest,
    TokenView,
    SelfView,
    SessionView,
    SessionListView,
    InviteRequest,
    PairingView,
    PairingEntryView,
    PairingListView,
    KeyRequest,
    KeyEntryView,
    KeyView,
    KeyListView,
    UserRequest,
    UserChange,
    UserView,
    UserListView,
)
"""For the OpenAPI document."""
