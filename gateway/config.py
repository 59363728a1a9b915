"""Settings of the gateway."""

import ipaddress

from pydantic import Field, SecretStr, field_validator

from gateway.auth.issuer import ExternalIssuer
from gateway.store.opening import checked_url
from services.chassis.settings import Settings

EXTENSION_ID = "nfaicjbpfipgigfaicjdpeogfpfhcpff"
"""Of the browser extension in ``extension/``: Chromium makes it from the fixed `key` in its manifest."""


def _listed(value: str) -> frozenset[str]:
    return frozenset(filter(None, (each.strip() for each in value.split(","))))


class GatewaySettings(Settings):
    """What the gateway can be told."""

    host: str = Field("127.0.0.1", validation_alias="HOST", min_length=1)
    """Address to listen on; 0.0.0.0 for every one of the machine. Default 127.0.0.1."""

    port: int = Field(3000, validation_alias="PORT", ge=0, le=65535)
    """TCP port to listen on; 0 picks a free one. Default 3000."""

    http_head_timeout_s: float = Field(20, validation_alias="HTTP_HEAD_TIMEOUT_S", ge=0.1, le=600)
    """Seconds that an HTTP client has for the address and the headers of a request, or it is cut off. 0.1 to 600.
    Default 20."""

    http_body_timeout_s: float = Field(30, validation_alias="HTTP_BODY_TIMEOUT_S", ge=0.1, le=600)
    """Seconds that it has for the body. 0.1 to 600. Default 30."""

    http_connections_per_address: int = Field(
        1_000, validation_alias="HTTP_CONNECTIONS_PER_ADDRESS", ge=1, le=1_000_000
    )
    """Open HTTP connections of one client address (of one /64 in IPv6) at this gateway; more are answered 503. Those of
    `TRUSTED_PROXIES` have no limit. 1 to 1000000. Default 1000."""

    websocket_enabled: bool = Field(True, validation_alias="WEBSOCKET_ENABLED")
    """Whether /ws pushes live updates; if not, clients poll. Default true."""

    websocket_ping_interval: int = Field(25_000, validation_alias="WEBSOCKET_PING_INTERVAL", ge=100, le=25_000)
    """Milliseconds between text pings. 100 to 25000: a browser's worker sleeps after 30 s of silence, and frame pings
    do not keep it awake. Default 25000."""

    websocket_ping_timeout_s: float = Field(10, validation_alias="WEBSOCKET_PING_TIMEOUT_S", ge=0.1, le=60)
    """Seconds after a ping until something must have come from the client, or it is closed with 4002. 0.1 to 60.
    Default 10."""

    websocket_hello_timeout_s: float = Field(5, validation_alias="WEBSOCKET_HELLO_TIMEOUT_S", ge=0.1, le=60)
    """Seconds that a client has for its hello, or it is closed with 4408. 0.1 to 60. Default 5."""

    websocket_write_deadline_s: float = Field(5, validation_alias="WEBSOCKET_WRITE_DEADLINE_S", ge=0.1, le=7)
    """Seconds in which a client must take 3 KiB of what waits for it, or all of it, or it is closed with 4001 and gone
    2 seconds later. 0.1 to 7. Default 5."""

    websocket_outbox_messages: int = Field(4_096, validation_alias="WEBSOCKET_OUTBOX_MESSAGES", ge=16, le=1_000_000)
    """Messages that must arrive and may wait for a client that reads slowly; one more closes it with 4001. 16 to
    1000000. Default 4096."""

    websocket_outbox_bytes: int = Field(4_194_304, validation_alias="WEBSOCKET_OUTBOX_BYTES", ge=65_536, le=1 << 30)
    """Their bytes. 65536 to 1073741824. Default 4194304 (4 MiB)."""

    websocket_connections: int = Field(10_000, validation_alias="WEBSOCKET_CONNECTIONS", ge=1, le=1_000_000)
    """WebSocket connections at this gateway at once; more are answered 503. 1 to 1000000. Default 10000."""

    websocket_connections_per_address: int = Field(
        200, validation_alias="WEBSOCKET_CONNECTIONS_PER_ADDRESS", ge=1, le=1_000_000
    )
    """WebSocket connections of one client address, at all gateways; more are answered 503. 1 to 1000000.
    Default 200."""

    websocket_waiting_per_address: int = Field(20, validation_alias="WEBSOCKET_WAITING_PER_ADDRESS", ge=1, le=1_000_000)
    """WebSocket connections of one client address that have not said hello; more are answered 503. 1 to 1000000.
    Default 20."""

    websocket_connections_per_user: int = Field(
        20, validation_alias="WEBSOCKET_CONNECTIONS_PER_USER", ge=1, le=1_000_000
    )
    """WebSocket connections of one user, such as tabs and extensions, at all gateways; for one more the oldest is
    closed with 4409. 1 to 1000000. Default 20."""

    websocket_subscriptions: int = Field(64, validation_alias="WEBSOCKET_SUBSCRIPTIONS", ge=1, le=10_000)
    """Channels of one WebSocket connection. 1 to 10000. Default 64."""

    websocket_commands_per_minute: int = Field(
        600, validation_alias="WEBSOCKET_COMMANDS_PER_MINUTE", ge=1, le=1_000_000
    )
    """Commands of one WebSocket connection, after a hundred at once; more close it with 4029. 1 to 1000000.
    Default 600."""

    queue_target: str = Field("127.0.0.1:50051", validation_alias="QUEUE_TARGET", min_length=1)
    """Where the queue is: host:port, or dns:///host:port to balance over replicas. Default 127.0.0.1:50051."""

    processor_target: str = Field("127.0.0.1:50052", validation_alias="PROCESSOR_TARGET", min_length=1)
    """Where a processor for probes is: host:port, or dns:///host:port. Default 127.0.0.1:50052."""

    gateway_database_url: SecretStr = Field(
        SecretStr("sqlite:///var/gateway.db"), validation_alias="GATEWAY_DATABASE_URL"
    )
    """The gateway's own store of users, keys, sessions and limits: ``sqlite:///`` and a path on a local disk, for one
    gateway; or ``postgresql://user:password@host:port/name``, for any number of gateways, which may be the queue's
    database too. Default sqlite:///var/gateway.db."""

    store_poll_s: float = Field(2.0, validation_alias="GATEWAY_STORE_POLL_S", ge=0.05, le=60)
    """Most seconds until a gateway hears of what was changed at another, should the database's notification not reach
    it. 0.05 to 60. Default 2."""

    admin_api_key: SecretStr | None = Field(None, validation_alias="ADMIN_API_KEY", min_length=16)
    """API key that lets its owner in as the user admin at every start. At least 16 random characters. A new value
    replaces the old, whose sessions end. Default: none."""

    jwt_signing_key: SecretStr | None = Field(None, validation_alias="JWT_SIGNING_KEY", min_length=32)
    """Key that signs access tokens (HS256). At least 32 random characters. Default: made once, kept in the store, and
    changed by ``python -m gateway rotate-keys``."""

    jwt_previous_signing_key: SecretStr | None = Field(None, validation_alias="JWT_PREVIOUS_SIGNING_KEY", min_length=32)
    """The key before, whose tokens stay valid while keys are changed. At least 32 characters. Default: none."""

    access_token_ttl_s: int = Field(600, validation_alias="ACCESS_TOKEN_TTL_S", ge=1, le=86_400)
    """Seconds that an access token is valid. 1 to 86400. Default 600."""

    refresh_token_ttl_s: int = Field(2_592_000, validation_alias="REFRESH_TOKEN_TTL_S", ge=60, le=31_536_000)
    """Seconds that a sign-in lasts, however often it is refreshed. 60 to 31536000. Default 2592000 (30 days)."""

    pairing_code_ttl_s: int = Field(600, validation_alias="PAIRING_CODE_TTL_S", ge=1, le=86_400)
    """Seconds that a one-time pairing code is valid. 1 to 86400. Default 600."""

    sign_ins_per_min: int = Field(30, validation_alias="SIGN_INS_PER_MIN", ge=0, le=100_000)
    """Sign-ins with keys and codes, good or bad, from one address in a minute. 0 to 100000; 0: no limit. Default 30."""

    pairings_per_min: int = Field(60, validation_alias="PAIRINGS_PER_MIN", ge=0, le=100_000)
    """Sign-ins with pairing codes, good or bad, from all addresses in a minute. 0 to 100000; 0: no limit.
    Default 60."""

    refreshes_per_min: int = Field(300, validation_alias="REFRESHES_PER_MIN", ge=0, le=100_000)
    """Refreshes from one address in a minute. 0 to 100000; 0: no limit. Default 300."""

    external_issuers: list[ExternalIssuer] = Field([], validation_alias="EXTERNAL_ISSUERS")
    """Other issuers whose access tokens are accepted, as a JSON list: [{"name": "corp", "issuer": "https://id.example",
    "audience": "clipferry", "jwksUrl": "https://id.example/jwks", "adminClaim": "roles", "adminValue": "clipferry"}].
    Also: typ (at+jwt), algorithms (["RS256","ES256","EdDSA"]), userClaim (sub). Their users are named corp:subject.
    Default: none."""

    allowed_origins: str = Field("", validation_alias="ALLOWED_ORIGINS")
    """Origins besides the gateway's own whose pages may use it, with commas between, each written as a browser sends
    it: https://example.org or chrome-extension://id. Default: none."""

    extension_ids: str = Field(EXTENSION_ID, validation_alias="EXTENSION_IDS", pattern="^( *[a-p]{32} *(,|$))*$")
    """Ids of browser extensions that may use the gateway as `ALLOWED_ORIGINS` may, with commas between: 32 letters from
    a to p, as chrome://extensions shows them. Empty: none. Default nfaicjbpfipgigfaicjdpeogfpfhcpff, clipferry's."""

    trusted_proxies: str = Field("", validation_alias="TRUSTED_PROXIES")
    """Addresses and networks of the proxies in front, with commas between: 10.0.0.7,192.168.0.0/16. Only their
    X-Forwarded-For, -Proto, -Host and -Prefix are heeded. Default: none."""

    root_path: str = Field("", validation_alias="ROOT_PATH", pattern="^((/[A-Za-z0-9._~-]+)+)?$")
    """Path below which a proxy shows the gateway, such as /clipferry; it may cut it off or leave it. Its
    X-Forwarded-Prefix goes before. Default: none."""

    submits_per_min: int = Field(60, validation_alias="SUBMITS_PER_MIN", ge=0, le=1_000_000)
    """Submits, retries and probes of one user in a minute, in the long run. 0 to 1000000; 0: no limit. Default 60."""

    submits_burst: int = Field(30, validation_alias="SUBMITS_BURST", ge=1, le=1_000_000)
    """Submits, retries and probes of one user at once. 1 to 1000000. Default 30."""

    requests_per_min: int = Field(1_200, validation_alias="REQUESTS_PER_MIN", ge=0, le=10_000_000)
    """Other requests of one user in a minute, in the long run. 0 to 10000000; 0: no limit. Default 1200."""

    requests_burst: int = Field(300, validation_alias="REQUESTS_BURST", ge=1, le=10_000_000)
    """Other requests of one user at once. 1 to 10000000. Default 300."""

    address_requests_per_min: int = Field(6_000, validation_alias="ADDRESS_REQUESTS_PER_MIN", ge=0, le=10_000_000)
    """API requests of one client address (of one /64 in IPv6) to all gateways in a minute, signed in or not. 0 to
    10000000; 0: no limit. Default 6000."""

    address_requests_burst: int = Field(1_000, validation_alias="ADDRESS_REQUESTS_BURST", ge=1, le=10_000_000)
    """API requests of one client address at once. 1 to 10000000. Default 1000."""

    jobs_per_day: int = Field(0, validation_alias="JOBS_PER_DAY", ge=0, le=1_000_000)
    """Jobs and retries of one user from 00:00 to 24:00 UTC. 0 to 1000000; 0: no limit. Default 0."""

    bytes_per_day: int = Field(0, validation_alias="BYTES_PER_DAY", ge=0, le=1 << 60)
    """Bytes of video that may arrive for one user from 00:00 to 24:00 UTC before new jobs are refused. 0 to 2^60; 0: no
    limit. Default 0."""

    @field_validator("gateway_database_url")
    @classmethod
    def _is_known(cls, value: SecretStr) -> SecretStr:
        return SecretStr(checked_url(value.get_secret_value()))

    @field_validator("external_issuers")
    @classmethod
    def _tell_issuers_apart(cls, value: list[ExternalIssuer]) -> list[ExternalIssuer]:
        for told in ("name", "issuer"):
            found = [getattr(each, told) for each in value]
            if len(set(found)) < len(found):
                raise ValueError(f"two have the same {told}")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, value: str) -> str:
        for origin in filter(None, value.split(",")):
            scheme, separator, host = origin.strip().partition("://")
            if not (scheme and separator and host) or "/" in host or "*" in host:
                raise ValueError(f"{origin.strip()!r} is not an origin such as https://example.org")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        for place in _listed(value):
            try:
                ipaddress.ip_network(place)
            except ValueError as error:
                raise ValueError(f"{place!r} is neither an address nor a network: {error}") from error
        return value

    @property
    def allowed_origin_set(self) -> frozenset[str]:
        """`allowed_origins` and the origins of `extension_ids`, taken apart."""
        return _listed(self.allowed_origins) | {f"chrome-extension://{each}" for each in _listed(self.extension_ids)}

    @property
    def trusted_proxy_set(self) -> frozenset[str]:
        """`trusted_proxies`, taken apart."""
        return _listed(self.trusted_proxies)

    @property
    def store_url(self) -> str:
        """`gateway_database_url`, with its password."""
        return self.gateway_database_url.get_secret_value()
