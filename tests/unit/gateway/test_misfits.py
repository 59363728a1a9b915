"""JSON that does not fit: each mistake is one sentence with the field, what it may be, and what it is."""

import msgspec
import pytest

from gateway.api.access_shapes import RefreshRequest, UserRequest
from gateway.api.job_request import JobRequest
from gateway.api.misfits import misfit, not_json
from services.chassis.errors import ClipferryError, Reason


def refused(body: bytes, wanted: type = JobRequest) -> ClipferryError:
    try:
        msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError as error:
        return misfit(error, wanted, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return not_json(error, body)
    pytest.fail("it fits")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"priority": 11}', "priority must be -10 to 10, not 11."),
        (b'{"priority": "high"}', "priority must be a whole number from -10 to 10, not 'high'."),
        (b'{"priority": 1.5}', "priority must be a whole number from -10 to 10, not 1.5."),
        (b'{"priority": null}', "priority must be a whole number from -10 to 10, not null."),
        (b'{"threadId": -3}', "threadId must be 0 to 2147483647, not -3."),
        (b'{"playlistItem": 1180591620717411303424}', "playlistItem must be 0 to 1000000, not 1180591620717411303424."),
        (b'{"maxDurationS": 0}', "maxDurationS must be more than 0 and at most 604800, not 0."),
        (b'{"maxDurationS": "1h"}', "maxDurationS must be a number more than 0 and at most 604800, not '1h'."),
        (b'{"kind": "pdf"}', "kind must be audio or video, not 'pdf'."),
        (b'{"kind": 5}', "kind must be audio or video, not 5."),
        (b'{"allowLive": 1}', "allowLive must be true or false, not 1."),
        (b'{"url": 7}', "url must be text of at most 2048 characters, not 7."),
        (b'{"url": "' + b"x" * 2116 + b'"}', "url must have at most 2048 characters, not 2116."),
        (b'{"url": {"a": 1}}', "url must be text of at most 2048 characters, not an object."),
        (b'{"videoData": {}}', "videoData.pageUrl is missing."),
        (b'{"videoData": [1]}', "videoData must be an object, not a list."),
        (b'{"videoData": {"pageUrl": true}}', "videoData.pageUrl must be text of at most 2048 characters, not true."),
        (
            b'{"sendTo": 1}',
            "sendTo is not a field here: there are url, pageUrl, videoData, userInfo, destination, chatId,",
        ),
        (b'{"adress": 1, "prioritty": 2}', "adress is not a field here: "),
        (b'{"maxDuration": 1}', "maxDuration is not a field here: did you mean maxDurationS?"),
        (b"[]", "body must be an object, not a list."),
        (b'"x"', "body must be an object, not 'x'."),
    ],
)
def test_field_value_and_limit_are_named(body: bytes, said: str) -> None:
    error = refused(body)

    assert error.reason is Reason.FIELD_INVALID
    assert error.message == said or (not said.endswith(("?", ".")) and error.message.startswith(said))
    assert error.metadata == {"field": said.split(maxsplit=1)[0]}


@pytest.mark.parametrize("body", [b'{"priority": %s}' % (b"9" * 5_000), b'{"kind": "%s"}' % (b"x" * 5_000)])
def test_a_long_value_is_cut(body: bytes) -> None:
    message = refused(body).message

    assert "…" in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"user": "a", "chats": ["b", ""]}', "chats[1] must have 1 to 64 characters, not 0."),
        (b'{"user": "a", "chats": [7]}', "chats[0] must be text of 1 to 64 characters, not 7."),
        (b'{"user": "a", "chats": 7}', "chats must be a list of at most 100 items, not 7."),
        (b'{"user": "a", "chats": [%s]}' % b", ".join([b'"b"'] * 101), "chats must have at most 100 items, not 101."),
    ],
)
def test_what_is_in_a_list_is_named_by_its_place(body: bytes, said: str) -> None:
    assert refused(body, UserRequest).message == said


def test_a_secret_is_not_too_short_by_accident() -> None:
    assert refused(b'{"refreshToken": ""}', RefreshRequest).message == (
        "refreshToken must have 1 to 512 characters, not 0."
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "The body is empty; it must be a JSON object."),
        (b" \n", "The body is empty; it must be a JSON object."),
        (b"{url: 1}", "(character 1)"),
        (b'{"url": "http://x', "(character 8)"),
        (b'{"url": "a"} x', "Extra data (character 13)"),
        (b'{"url": "\xff"}', "byte 9 is not UTF-8"),
        (b'{"url": "\\ud800"}', "a character in it is written by halves"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"userInfo": {"x": %s}}' % (b"[" * 3_000 + b"]" * 3_000), "nested too deeply"),
        (b"[" * 30_000, "nested too deeply"),
        (b'{"priority": 11, x', "(character 17)"),
    ],
)
def test_what_is_no_json_is_told_why(body: bytes, why: str) -> None:
    error = refused(body)

    assert error.reason is Reason.BODY_INVALID
    assert why in error.message
