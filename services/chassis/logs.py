"""JSON log lines: a constant message, a stable `action`, facts in fields, no secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from services.chassis.tracing import name_trace

_BOT_TOKEN = re.compile(r"(bot|/)(\d{3,}:)[A-Za-z0-9_-]{10,}")
_BEARER = re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_URL_QUERY = re.compile(r"(https?://[^\s?#\"']+)[?#][^\s\"']*")


def set_up_logs(*, service: str, level: str) -> None:
    """Send every log line of this process to standard output as JSON.

    Args:
        service: Name of the process, in each line.
        level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _name_service(service),
        name_trace,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their INFO lines hold whole URLs, and Telegram's hold the bot's token; grpc's DEBUG lines drown all others.
    for noisy in ("asyncio", "grpc", "httpcore", "httpx", "telegram", "yoyo"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _name_service(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take bot tokens, bearer tokens and the query strings of URLs out of every text field."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redacted(value)
    return event


def redacted(text: str) -> str:
    """Return `text` without bot tokens, bearer tokens and the query strings of URLs."""
    text = _BOT_TOKEN.sub(r"\1\2…", text)
    text = _BEARER.sub(r"\1…", text)
    return _URL_QUERY.sub(r"\1?…", text)
