"""Every way in which a request can end has a meaning."""

import inspect
import json

import httpcore
import pytest

from services.chassis.errors import Reason
from services.notifier.adapters.refusals import NEVER_CONNECTED, TRANSPORT_ERRORS, refusal, transport_failure

HTTPCORE_ERRORS = [error for _, error in inspect.getmembers(httpcore, inspect.isclass) if issubclass(error, Exception)]
ABOUT_THE_POOL = {httpcore.ConnectionNotAvailable, httpcore.ProxyError}
"""The first is handled inside httpcore; the second needs a proxy, and none is used."""


@pytest.mark.parametrize("error", HTTPCORE_ERRORS)
def test_every_transport_error_is_translated(error: type[Exception]) -> None:
    """What httpcore can raise about a request is caught, and is unknown only after the whole request."""
    if error in ABOUT_THE_POOL:
        return
    assert issubclass(error, TRANSPORT_ERRORS)
    assert transport_failure(error(), is_whole=False).reason is Reason.TELEGRAM_UNREACHABLE
    expected = Reason.TELEGRAM_UNREACHABLE if issubclass(error, NEVER_CONNECTED) else Reason.DELIVERY_UNKNOWN
    assert expected is transport_failure(error(), is_whole=True).reason


@pytest.mark.parametrize("status", range(300, 500))
def test_a_definite_refusal_was_not_sent(status: int) -> None:
    """A 3xx or 4xx never leaves a doubt, whoever answers it; 408 means that the request was not read."""
    for payload in (b"", b"<html>", b"[]", json.dumps({"ok": False, "description": "x"}).encode()):
        refused = refusal(status, payload, is_whole=status != 408)
        assert refused is not None
        assert refused.reason not in {Reason.DELIVERY_UNKNOWN, Reason.INTERNAL}


@pytest.mark.parametrize("status", [200, 204, 500, 502, 503, 504])
def test_anything_else_after_the_whole_request_is_unknown(status: int) -> None:
    """A 5xx, or a success that is none, may stand for a message that was sent."""
    refused = refusal(status, b"<html>", is_whole=True)

    assert refused is not None
    assert refused.reason is Reason.DELIVERY_UNKNOWN


def test_success() -> None:
    """Only an ok that Telegram itself says is one."""
    assert refusal(200, b'{"ok":true,"result":{}}', is_whole=True) is None


@pytest.mark.parametrize("parameters", [{}, {"retry_after": "soon"}, None])
def test_flood_without_a_number_still_waits(parameters: object) -> None:
    """A 429 always says how long to wait."""
    refused = refusal(429, json.dumps({"parameters": parameters}).encode(), is_whole=True)

    assert refused is not None
    assert refused.reason is Reason.TELEGRAM_FLOOD
    assert refused.retry_after_s
