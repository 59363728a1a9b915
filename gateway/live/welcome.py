"""What a client is told when its token was accepted."""

import secrets

from gateway.auth.caller import Caller
from gateway.live.messages import Heartbeat, Limits, Welcome
from gateway.live.pacing import MAX_PER_SECOND
from gateway.live.publisher import Publisher
from gateway.live.terms import MAX_MESSAGE_BYTES, LiveTerms
from gateway.views.moment import iso


def welcome(caller: Caller, command_id: str | int | None, *, terms: LiveTerms, publisher: Publisher) -> Welcome:
    """Return the message.

    Args:
        caller: Who has come.
        command_id: Of the `hello`; None when the handshake brought the token.
        terms: What the connection may do.
        publisher: Tells the time, and whether the queue can be reached.
    """
    now = publisher.now()
    return Welcome(
        type="welcome",
        timestamp=now,
        id=command_id,
        protocol=1,
        connection_id=secrets.token_urlsafe(9),
        server_time=now,
        token_expires_at=iso(caller.expires_at_s * 1000),
        user=caller.user_id,
        queue_reachable=publisher.queue_is_reachable,
        heartbeat=Heartbeat(terms.ping_interval_ms, round(terms.ping_timeout_s * 1000)),
        limits=Limits(
            max_subscriptions=terms.subscription_count,
            max_message_bytes=MAX_MESSAGE_BYTES,
            max_updates_per_second=MAX_PER_SECOND,
            max_commands_per_minute=terms.commands_per_minute,
            max_connections=terms.connections_per_user,
        ),
    )
