"""What goes wrong with a page names the page."""

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.blame import naming_page


def blamed(url: str, error: ClipferryError) -> ClipferryError:
    with pytest.raises(ClipferryError) as caught, naming_page(url):
        raise error
    return caught.value


def test_the_page_is_named_and_everything_else_stays() -> None:
    error = ClipferryError(Reason.RATE_LIMITED, "The site answered HTTP 429.", retry_after_s=7, http_status=429)

    named = blamed("https://a.example/watch?v=1", error)

    assert named.reason is Reason.RATE_LIMITED
    assert named.message == "The site answered HTTP 429 (https://a.example/watch?v=1)."
    assert named.metadata == {"http_status": "429", "url": "https://a.example/watch?v=1"}
    assert named.retry_after_s == 7


def test_a_long_address_is_cut() -> None:
    named = blamed("https://a.example/" + "x" * 500, ClipferryError(Reason.GONE))

    assert len(named.metadata["url"]) == 201
    assert named.message.endswith("x…).")
