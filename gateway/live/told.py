"""The terms of live connections, as the settings have them."""

from gateway.config import GatewaySettings
from gateway.live.terms import LiveTerms, WriteTerms


def live_terms(settings: GatewaySettings) -> LiveTerms:
    """Return what connections may do."""
    return LiveTerms(
        connection_count=settings.websocket_connections,
        connections_per_address=settings.websocket_connections_per_address,
        waiting_per_address=settings.websocket_waiting_per_address,
        connections_per_user=settings.websocket_connections_per_user,
        subscription_count=settings.websocket_subscriptions,
        commands_per_minute=settings.websocket_commands_per_minute,
        hello_timeout_s=settings.websocket_hello_timeout_s,
        ping_interval_ms=settings.websocket_ping_interval,
        ping_timeout_s=settings.websocket_ping_timeout_s,
    )


def write_terms(settings: GatewaySettings) -> WriteTerms:
    """Return how slow readers are treated."""
    return WriteTerms(
        deadline_s=settings.websocket_write_deadline_s,
        outbox_count=settings.websocket_outbox_messages,
        outbox_bytes=settings.websocket_outbox_bytes,
    )
