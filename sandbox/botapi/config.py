"""Settings of the Bot API stand-in."""

from pydantic import Field, SecretStr

from services.chassis.settings import Settings


class BotApiSettings(Settings):
    """What the stand-in can be told."""

    port: int = Field(8081, validation_alias="SANDBOX_BOT_API_PORT", ge=0, le=65535)
    """Port on 127.0.0.1 for the Bot API and its page; 0 picks a free one. Default 8081."""

    telegram_bot_token: SecretStr = Field(
        SecretStr("123456789:sandbox-token-of-nobody-at-all"), validation_alias="TELEGRAM_BOT_TOKEN"
    )
    """The only token that is accepted. Default: one that is good nowhere else."""

    telegram_chat_id: str = Field("1000", validation_alias="TELEGRAM_CHAT_ID", min_length=1)
    """The chats that exist, separated by commas: numeric ids or @channels. Default 1000."""

    telegram_limit_bytes: int = Field(50_000_000, validation_alias="TELEGRAM_LIMIT_BYTES", ge=1, le=2_000_000_000)
    """Largest file that is accepted, in bytes; up to 2,000,000,000. Default 50,000,000."""
