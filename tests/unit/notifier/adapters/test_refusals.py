"""Every way in which a request can end has a meaning."""

import inspect
import json

import httpcore
import pytest

from services.chassis.errors import Reason
from services.notifier.adapters.bot_api import BotApi
from services.notifier.adapters.refusals import NEVER_CONNECTED, TRANSPORT_ERRORS, Attempt, refusal, transport_failure

HTTPCORE_ERRORS = [error for _, error in inspect.getmembers(httpcore, inspect.isclass) if issubclass(error, Exception)]
API = BotApi(
    base_url="https://user:pass@telegram.test/base",
    token="1:TOKEN",
    limit_bytes=50_000_000,
    connect_timeout_s=10,
    write_timeout_s=60,
    read_timeout_s=120,
    min_bytes_per_s=500_000,
)
WHOLE = Attempt(api=API, file_bytes=4_000_000, taken_bytes=4_000_000, is_whole=True)
CUT = Attempt(api=API, file_bytes=4_000_000, taken_bytes=1_000_000, is_whole=False)
ABOUT_THE_POOL = {httpcore.ConnectionNotAvailable, httpcore.ProxyError}
"""The first is handled inside httpcore; the second needs a proxy, and none is used."""


@pytest.mark.parametrize("error", HTTPCORE_ERRORS)
def test_every_transport_error_is_translated(error: type[Exception]) -> None:
    """What httpcore can raise about a request is caught, and is unknown only after the whole request."""
    if error in ABOUT_THE_POOL:
        return
    assert issubclass(error, TRANSPORT_ERRORS)
    before = Reason.STALLED if error is httpcore.WriteTimeout else Reason.TELEGRAM_UNREACHABLE
    assert before is transport_failure(error(), CUT).reason
    expected = Reason.TELEGRAM_UNREACHABLE if issubclass(error, NEVER_CONNECTED) else Reason.DELIVERY_UNKNOWN
    assert expected is transport_failure(error(), WHOLE).reason


@pytest.mark.parametrize("status", range(300, 500))
def test_a_definite_refusal_was_not_sent(status: int) -> None:
    """A 3xx or 4xx never leaves a doubt, whoever answers it; 408 means that the request was not read."""
    for payload in (b"", b"<html>", b"[]", json.dumps({"ok": False, "description": "x"}).encode()):
        refused = refusal(status, payload, CUT if status == 408 else WHOLE)
        assert refused is not None
        assert refused.reason not in {Reason.DELIVERY_UNKNOWN, Reason.INTERNAL}


@pytest.mark.parametrize("status", [200, 204, 500, 502, 503, 504])
def test_anything_else_after_the_whole_request_is_unknown(status: int) -> None:
    """A 5xx, or a success that is none, may stand for a message that was sent."""
    refused = refusal(status, b"<html>", WHOLE)

    assert refused is not None
    assert refused.reason is Reason.DELIVERY_UNKNOWN


def test_success() -> None:
    """Only an ok that Telegram itself says is one."""
    assert refusal(200, b'{"ok":true,"result":{}}', WHOLE) is None


@pytest.mark.parametrize("parameters", [{}, {"retry_after": "soon"}, None])
def test_flood_without_a_number_still_waits(parameters: object) -> None:
    """A 429 always says how long to wait."""
    refused = refusal(429, json.dumps({"parameters": parameters}).encode(), WHOLE)

    assert refused is not None
    assert refused.reason is Reason.TELEGRAM_FLOOD
    assert refused.retry_after_s


@pytest.mark.parametrize(
    ("error", "attempt", "said"),
    [
        (httpcore.ConnectError("x"), CUT, "at telegram.test:443, no connection could be made; nothing was sent"),
        (httpcore.ConnectTimeout("x"), CUT, "telegram.test:443, no connection was made within 10 s; nothing"),
        (
            httpcore.WriteTimeout("x"),
            CUT,
            "took no byte for 60 s, after 1000000 of 4000000 bytes; nothing was",
        ),
        (httpcore.WriteError("x"), CUT, "telegram.test:443, the connection broke (WriteError); nothing was sent"),
        (httpcore.ReadTimeout("x"), WHOLE, "then there was no answer within 128 s: it may have been sent"),
        (httpcore.ReadError("x"), WHOLE, "then the connection broke (ReadError): it may have been sent"),
        (httpcore.RemoteProtocolError("x"), WHOLE, "then the connection broke (RemoteProtocolError): it may"),
    ],
)
def test_a_failure_says_where_and_what(error: Exception, attempt: Attempt, said: str) -> None:
    """The address without token and credentials, and whether it was a refusal, a silence or a break."""
    message = transport_failure(error, attempt).message

    assert said in message
    assert not {"TOKEN", "pass"} & set(message.replace("/", " ").replace(":", " ").split())


def test_an_answer_of_no_use_says_which() -> None:
    """A person who looks into the chat must know whether to suspect the server or the line."""
    after = refusal(502, b"<html>", WHOLE)
    before = refusal(503, b"", CUT)

    assert after is not None
    assert "then the answer was HTTP status 502: it may have been sent" in after.message
    assert after.metadata == {"status": "502"}
    assert before is not None
    assert before.metadata == {"address": "telegram.test:443", "status": "503"}


def test_too_large_names_size_and_limit() -> None:
    """Telegram does not name its limit; that the file passed ours tells which setting is wrong."""
    refused = refusal(413, b'{"ok":false,"description":"Request Entity Too Large"}', WHOLE)

    assert refused is not None
    assert refused.metadata == {"size_bytes": "4000000", "limit_bytes": "50000000"}
    assert "4000000 bytes" in refused.message
    assert "TELEGRAM_LIMIT_BYTES is 50000000: Request Entity Too Large" in refused.message


def test_flood_names_the_wait() -> None:
    """In the sentence, for the retry, and as a number for whoever reads the error of the job."""
    refused = refusal(429, b'{"parameters":{"retry_after":222}}', WHOLE)

    assert refused is not None
    assert (refused.retry_after_s, refused.metadata) == (222, {"retry_after": "222"})
    assert "222 s" in refused.message
