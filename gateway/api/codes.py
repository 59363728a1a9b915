"""What the codes of errors and the close codes of /ws mean, for the OpenAPI document: the page of the API shows it."""

from collections.abc import Mapping
from typing import Any

from gateway.api.problems import status_of
from gateway.live.closing import MEANINGS
from services.chassis.errors import Reason


def codes() -> Mapping[str, Any]:
    """Return the extensions of the document: each reason with its HTTP status, and each close code."""
    return {
        "x-reasons": [
            {"code": reason.name, "status": status_of(reason).value, "retried": reason.retryable, "text": reason.text}
            for reason in Reason
        ],
        "x-close-codes": [
            {"code": code, "text": meaning.why, "comeBack": meaning.come_back} for code, meaning in MEANINGS.items()
        ],
    }
