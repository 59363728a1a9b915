"""Settings of the notifier."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from services.chassis.settings import Settings
from services.notifier.core.rules import destination_problem, token_problem


class NotifierSettings(Settings):
    """What the notifier can be told."""

    listen_address: str = Field("127.0.0.1:50053", validation_alias="NOTIFIER_LISTEN_ADDRESS", pattern=r"^.+:\d{1,5}$")
    """``host:port`` to serve gRPC on; port 0 picks a free one. Default 127.0.0.1:50053."""

    telegram_bot_token: SecretStr = Field(validation_alias="TELEGRAM_BOT_TOKEN")
    """Token of the bot that sends, as BotFather gave it. Required."""

    telegram_chat_id: str = Field("", validation_alias="TELEGRAM_CHAT_ID")
    """Chat for jobs that name none: a numeric id or an @channel. Default: none, and each job must name its chat."""

    telegram_api_base_url: str = Field(
        "https://api.telegram.org", validation_alias="TELEGRAM_API_BASE_URL", pattern=r"^https?://[^/\s]+[^\s?#]*$"
    )
    """Where the Bot API answers, without the ``/bot…`` part. Default https://api.telegram.org."""

    telegram_limit_bytes: int = Field(
        50_000_000, validation_alias="TELEGRAM_LIMIT_BYTES", ge=1_000_000, le=2_000_000_000
    )
    """Largest file the Bot API takes, in bytes; 1,000,000 to 2,000,000,000. A local Bot API server takes
    2,000,000,000. Default 50,000,000."""

    telegram_connect_timeout_s: float = Field(10.0, validation_alias="TELEGRAM_CONNECT_TIMEOUT_S", gt=0, le=120)
    """Seconds that a connection to the Bot API may take. Up to 120. Default 10."""

    telegram_write_timeout_s: float = Field(60.0, validation_alias="TELEGRAM_WRITE_TIMEOUT_S", gt=0, le=3600)
    """Seconds that the Bot API may take to accept one part of a file. Up to 3,600. Default 60."""

    telegram_read_timeout_s: float = Field(120.0, validation_alias="TELEGRAM_READ_TIMEOUT_S", gt=0, le=3600)
    """Seconds that the Bot API may take to answer after a whole request; it processes a video first. Up to 3,600.
    Default 120."""

    telegram_min_bytes_per_s: int = Field(500_000, validation_alias="TELEGRAM_MIN_BYTES_PER_S", ge=1_000)
    """Slowest work on a file, in bytes per second: its answer may take so much longer than TELEGRAM_READ_TIMEOUT_S.
    A local Bot API server takes a file at once and then uploads it. At least 1,000. Default 500,000."""

    notifier_database_url: SecretStr = Field(SecretStr(""), validation_alias="NOTIFIER_DATABASE_URL")
    """``postgresql://user:password@host:port/name`` by which several notifiers of one bot keep Telegram's limits
    together; it may be the queue's database too. Default: none, and the limits hold for one notifier."""

    telegram_messages_per_s: int = Field(30, validation_alias="TELEGRAM_MESSAGES_PER_S", ge=0, le=1_000)
    """Messages per second in all. Up to 1,000; 0: no limit. Default 30, as Telegram says."""

    telegram_chat_messages_per_s: int = Field(1, validation_alias="TELEGRAM_CHAT_MESSAGES_PER_S", ge=0, le=1_000)
    """Messages per second to one chat. Up to 1,000; 0: no limit. Default 1, as Telegram says."""

    telegram_group_messages_per_min: int = Field(
        20, validation_alias="TELEGRAM_GROUP_MESSAGES_PER_MIN", ge=0, le=60_000
    )
    """Messages per minute to one group or channel. Up to 60,000; 0: no limit. Default 20, as Telegram says."""

    flood_wait_s: float = Field(60.0, validation_alias="FLOOD_WAIT_S", ge=0, le=600)
    """Longest wait of a message for these limits, and for what Telegram asks to wait, in seconds; a job with a longer
    one goes back to the queue, where it holds no memory. Up to 600. Default 60."""

    upload_stall_s: float = Field(60.0, validation_alias="UPLOAD_STALL_S", gt=0, le=3600)
    """Seconds without a part from the processor after which an upload is cut and nothing is sent. Up to 3,600.
    Default 60."""

    @field_validator("telegram_bot_token")
    @classmethod
    def _token_has_its_shape(cls, token: SecretStr) -> SecretStr:
        if problem := token_problem(token.get_secret_value()):
            raise ValueError(problem)
        return token

    @field_validator("telegram_chat_id")
    @classmethod
    def _chat_has_its_shape(cls, chat: str) -> str:
        if chat and (problem := destination_problem(chat)):
            raise ValueError(problem)
        return chat

    @field_validator("notifier_database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql:// (or be left out, for one notifier)")
        return url

    @field_validator("telegram_api_base_url")
    @classmethod
    def _has_a_port_or_none(cls, url: str) -> str:
        _ = urlsplit(url).port  # raises for one that there is not
        return url.rstrip("/")
