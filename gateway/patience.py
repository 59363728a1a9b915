"""How patient the gateway is with HTTP clients, as the settings have it."""

import ipaddress

from gateway.config import GatewaySettings
from gateway.http_protocol import HttpTerms


def http_terms(settings: GatewaySettings) -> HttpTerms:
    """Return how slowly clients may send, and how many connections they may have."""
    return HttpTerms(
        head_timeout_s=settings.http_head_timeout_s,
        body_timeout_s=settings.http_body_timeout_s,
        connections_per_address=settings.http_connections_per_address,
        proxies=frozenset(ipaddress.ip_network(each) for each in settings.trusted_proxy_set),
    )
