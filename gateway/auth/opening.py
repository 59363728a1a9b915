"""Everything that knows who is calling, put together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import structlog

from gateway.auth.attempts import Attempts
from gateway.auth.credentials import KeyCredentials, TokenCredentials
from gateway.auth.endings import tell_endings
from gateway.auth.gate import Credentials, Gate
from gateway.auth.keyring import Keyring, open_keyring
from gateway.auth.keys import ApiKeys
from gateway.auth.pairing import PairingCodes
from gateway.auth.sessions import Sessions
from gateway.auth.tokens import AccessTokens
from gateway.auth.users import USERS, Users
from gateway.config import GatewaySettings
from gateway.limits.limiter import Limiter
from gateway.store.database import Database
from gateway.store.marks import Marks
from services.chassis.clock import Clock
from services.chassis.lifecycle import background

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Auth:
    """What others need of it."""

    gate: Gate
    sessions: Sessions
    users: Users
    keys: ApiKeys
    codes: PairingCodes
    attempts: Attempts


@asynccontextmanager
async def open_auth(
    settings: GatewaySettings,
    database: Database,
    limiter: Limiter,
    clock: Clock,
    on_revoked: Callable[[str], None],
) -> AsyncIterator[Auth]:
    """Know who is calling for the length of the block.

    Args:
        settings: What the gateway was told.
        database: Its store.
        limiter: Counts tries to get in.
        clock: The time it goes by.
        on_revoked: Called with the id of each session that ends before its time, at whichever gateway.

    Raises:
        ClipferryError: STORE_UNAVAILABLE.
    """
    marks = Marks(database, poll_s=settings.store_poll_s)
    keys = ApiKeys(database, marks, clock)
    await _let_admin_in(settings, keys)
    tokens = AccessTokens(
        await _keyring(settings, database, marks, clock), ttl_s=settings.access_token_ttl_s, clock=clock
    )
    codes = PairingCodes(database, ttl_s=settings.pairing_code_ttl_s, clock=clock)
    attempts = Attempts(
        limiter,
        sign_ins_per_min=settings.sign_ins_per_min,
        pairings_per_min=settings.pairings_per_min,
        refreshes_per_min=settings.refreshes_per_min,
    )
    async with _externals(settings, database, clock) as externals:
        kinds = [KeyCredentials(database, clock), *externals, TokenCredentials(tokens, database)]
        gate = Gate(kinds, attempts, clock)

        def on_ended(session_id: str) -> None:
            gate.forget_session(session_id)
            on_revoked(session_id)

        async def on_users_changed(_known: int, _version: int) -> None:
            gate.forget_all()

        await tell_endings(database, marks, on_ended)
        await marks.listen(USERS, on_users_changed)
        sessions = Sessions(database, marks, tokens, codes, ttl_s=settings.refresh_token_ttl_s, clock=clock)
        async with background(marks.serve(), name="marks"):
            yield Auth(gate, sessions, Users(database, marks, clock), keys, codes, attempts)


def _externals(
    settings: GatewaySettings, database: Database, clock: Clock
) -> AbstractAsyncContextManager[Sequence[Credentials]]:
    """Return the issuers beside this gateway; what asks them is loaded only where there are any: 6 MB."""
    if not settings.external_issuers:
        return nullcontext(())
    from gateway.auth.external import open_externals  # noqa: PLC0415

    return open_externals(settings.external_issuers, database, clock)


async def _let_admin_in(settings: GatewaySettings, keys: ApiKeys) -> None:
    if settings.admin_api_key is not None:
        await keys.set_bootstrap(settings.admin_api_key.get_secret_value())
    elif not await keys.any():
        logger.warning("Nobody can sign in: set ADMIN_API_KEY.", action="no_way_in")


async def _keyring(settings: GatewaySettings, database: Database, marks: Marks, clock: Clock) -> Keyring:
    """Return the keys of the environment, or else those of the store."""
    given = [settings.jwt_signing_key, settings.jwt_previous_signing_key]
    if settings.jwt_signing_key is None:
        return await open_keyring(database, marks, clock)
    return Keyring([key.get_secret_value().encode() for key in given if key is not None])
