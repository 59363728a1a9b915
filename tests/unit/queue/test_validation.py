"""What may be asked for, field by field."""

from typing import Any

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.validation import JobSpec, check_owner, check_request_id, live_key, validate

PLAIN = JobSpec(
    url="https://video.test/watch?v=1",
    destination="",
    priority=0,
    kind=0,
    max_bytes=0,
    timeout_s=None,
    on_unknown_delivery=0,
    referer="",
    user_agent="",
    format="",
    caption="",
    thread_id=0,
    playlist_item=0,
    max_duration_s=None,
)


def key(**fields: Any) -> str:
    spec = PLAIN._replace(**fields)
    return live_key("ann", spec, validate(spec))


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://127.0.0.1:8082/page"},
        {"url": "HTTPS://Video.test/"},
        {"url": "https://[2001:db8::1]/x"},
        {"url": "https://пример.test/видео"},
        {"url": "https://video.test/" + "a" * 2_029},
        {"destination": "-1001234567890"},
        {"destination": "@channel_name"},
        {"priority": -10},
        {"priority": 10},
        {"caption": "two\nlines"},
        {"timeout_s": 0.5},
        {"referer": "https://other.test/page"},
        {"format": "b" * 256},
    ],
)
def test_good_values(fields: dict[str, Any]) -> None:
    validate(PLAIN._replace(**fields))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("url", "", "is missing"),
        ("url", "ftp://video.test/", "must start with http:// or https://"),
        ("url", "file:///etc/passwd", "must start with http:// or https://"),
        ("url", "javascript:alert(1)", "must start with http:// or https://"),
        ("url", "video.test/watch", "must start with http:// or https://"),
        ("url", "https://", "host"),
        ("url", "https:///path", "host"),
        ("url", "https://video.test:99999/", "host"),
        ("url", "https://[::1", "host"),
        ("url", "https://video.test/a b", "spaces or control characters"),
        ("url", "https://video.test/\n", "spaces or control characters"),
        ("url", "https://video.test/\x00", "spaces or control characters"),
        ("url", "https://video.test\\x/", "host"),
        ("url", "https://video.test/" + "a" * 2_030, "at most 2048 characters, not 2049"),
        ("url", "https://ann@video.test/", "user name"),
        ("destination", "somebody", "@name"),
        ("destination", "12 34", "@name"),
        ("priority", 11, "from -10 to 10"),
        ("priority", -11, "from -10 to 10"),
        ("kind", 3, "from 0 to 2"),
        ("on_unknown_delivery", 3, "from 0 to 2"),
        ("max_bytes", -1, "at least 0"),
        ("thread_id", -1, "at least 0"),
        ("playlist_item", -1, "at least 0"),
        ("referer", "nothing", "must start with http"),
        ("user_agent", "a\r\nHost: evil", "control characters"),
        ("user_agent", "a" * 513, "at most 512"),
        ("format", "b" * 257, "at most 256 characters, not 257"),
        ("caption", "c" * 4_097, "at most 4096"),
    ],
)
def test_bad_values(field: str, value: Any, says: str) -> None:
    """Each is refused by name, with the limit."""
    fields: dict[str, Any] = {field: value}

    with pytest.raises(ClipferryError) as refused:
        validate(PLAIN._replace(**fields))

    assert refused.value.reason is Reason.FIELD_INVALID
    assert refused.value.metadata["field"] == field
    assert says in refused.value.message


@pytest.mark.parametrize("name", ["timeout", "max_duration"])
def test_spans_are_positive(name: str) -> None:
    fields: dict[str, Any] = {f"{name}_s": 0.0}

    with pytest.raises(ClipferryError, match="longer than 0 seconds"):
        validate(PLAIN._replace(**fields))


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ClipferryError) as refused:
        validate(PLAIN._replace(url="https://ann:secret@video.test/"))

    assert "secret" not in refused.value.message


def test_owner_and_request_id_have_limits() -> None:
    check_owner("o" * 128)
    check_request_id("r" * 64)
    with pytest.raises(ClipferryError, match="at most 128 characters"):
        check_owner("o" * 129)
    with pytest.raises(ClipferryError, match="at most 64 characters"):
        check_request_id("r" * 65)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"url": "https://video.test"}, {"url": "HTTPS://VIDEO.test:443/#t=3"}),
        ({"kind": 0}, {"kind": 1}),
        ({"caption": "a"}, {"caption": "b"}),
        ({"priority": 1}, {"priority": 2}),
    ],
)
def test_the_same_wish(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert key(**one) == key(**other)


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://video.test/watch?v=2"},
        {"url": "http://video.test/watch?v=1"},
        {"url": "https://video.test/WATCH?v=1"},
        {"kind": 2},
        {"format": "worst"},
        {"destination": "1"},
        {"playlist_item": 1},
        {"referer": "https://a.example/"},
    ],
)
def test_another_wish(other: dict[str, Any]) -> None:
    assert key() != key(**other)
