"""Settings of the gateway."""

from pydantic import Field, SecretStr, field_validator

from services.chassis.settings import Settings


class GatewaySettings(Settings):
    """What the gateway can be told."""

    host: str = Field("127.0.0.1", validation_alias="HOST", min_length=1)
    """Address to listen on; 0.0.0.0 for every one of the machine. Default 127.0.0.1."""

    port: int = Field(3000, validation_alias="PORT", ge=0, le=65535)
    """TCP port to listen on; 0 picks a free one. Default 3000."""

    websocket_enabled: bool = Field(True, validation_alias="WEBSOCKET_ENABLED")
    """Whether /ws pushes live updates; if not, clients poll. Default true."""

    websocket_ping_interval: int = Field(25_000, validation_alias="WEBSOCKET_PING_INTERVAL", ge=100, le=25_000)
    """Milliseconds between text pings. 100 to 25000: a browser's worker sleeps after 30 s of silence, and frame pings
    do not keep it awake. Default 25000."""

    queue_target: str = Field("127.0.0.1:50051", validation_alias="QUEUE_TARGET", min_length=1)
    """Where the queue is: host:port, or dns:///host:port to balance over replicas. Default 127.0.0.1:50051."""

    processor_target: str = Field("127.0.0.1:50052", validation_alias="PROCESSOR_TARGET", min_length=1)
    """Where a processor for probes is: host:port, or dns:///host:port. Default 127.0.0.1:50052."""

    gateway_database_url: str = Field(
        "sqlite:///var/gateway.db", validation_alias="GATEWAY_DATABASE_URL", pattern="^sqlite:///[^?#]+$"
    )
    """The gateway's own store of users, keys and sessions: sqlite:///relative/path or sqlite:////absolute/path.
    Default sqlite:///var/gateway.db."""

    admin_api_key: SecretStr | None = Field(None, validation_alias="ADMIN_API_KEY", min_length=16)
    """API key of the user admin, to begin with. At least 16 characters. A new value replaces the old. Default: none."""

    jwt_signing_key: SecretStr | None = Field(None, validation_alias="JWT_SIGNING_KEY", min_length=32)
    """Key that signs access tokens (HS256). At least 32 random characters. Default: made once, kept in the store."""

    jwt_previous_signing_key: SecretStr | None = Field(None, validation_alias="JWT_PREVIOUS_SIGNING_KEY", min_length=32)
    """The key before, whose tokens stay valid while keys are changed. At least 32 characters. Default: none."""

    access_token_ttl_s: int = Field(600, validation_alias="ACCESS_TOKEN_TTL_S", ge=1, le=86_400)
    """Seconds that an access token is valid. 1 to 86400. Default 600."""

    refresh_token_ttl_s: int = Field(2_592_000, validation_alias="REFRESH_TOKEN_TTL_S", ge=60, le=31_536_000)
    """Seconds that a sign-in lasts, however often it is refreshed. 60 to 31536000. Default 2592000 (30 days)."""

    pairing_code_ttl_s: int = Field(600, validation_alias="PAIRING_CODE_TTL_S", ge=1, le=86_400)
    """Seconds that a one-time pairing code is valid. 1 to 86400. Default 600."""

    allowed_origins: str = Field("", validation_alias="ALLOWED_ORIGINS")
    """Origins besides the gateway's own whose pages may use it, with commas between, each written as a browser sends
    it: https://example.org or chrome-extension://id. Default: none."""

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, value: str) -> str:
        for origin in filter(None, value.split(",")):
            scheme, separator, host = origin.strip().partition("://")
            if not (scheme and separator and host) or "/" in host or "*" in host:
                raise ValueError(f"{origin.strip()!r} is not an origin such as https://example.org")
        return value

    @property
    def allowed_origin_set(self) -> frozenset[str]:
        """`allowed_origins`, taken apart."""
        return frozenset(filter(None, (origin.strip() for origin in self.allowed_origins.split(","))))

    @property
    def database_path(self) -> str:
        """File of the gateway's store."""
        return self.gateway_database_url.removeprefix("sqlite:///")
