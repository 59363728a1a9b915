"""What is written about the API holds for the code."""

from pathlib import Path

from gateway.api import schemas as shapes
from gateway.live import closing, messages
from gateway.live.board import FINISHED, PROGRESS, QUEUED, RETRYING, STARTED
from gateway.live.commands import FORMS
from gateway.live.hub import JOBS, MEMORY, QUEUE

PAGE = (Path(__file__).parents[3] / "docs" / "websocket.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_column(title: str) -> set[str]:
    rows = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("|")][2:]
    return {word.strip("` ") for row in rows for word in row.split(",")}


def test_every_close_code_is_explained() -> None:
    ours = {str(value) for value in vars(closing).values() if isinstance(value, int)}

    assert first_column("Close codes") == ours
    written = [f"| {code} | {meaning.why} | {meaning.come_back} |" for code, meaning in closing.MEANINGS.items()]
    assert [line for line in section("Close codes").splitlines() if line.startswith("|")][2:] == written


def test_every_message_and_channel_is_explained() -> None:
    assert {QUEUED, STARTED, RETRYING, PROGRESS, FINISHED} <= set(messages.SPOKEN)
    assert first_column("What the gateway says") == set(messages.SPOKEN)
    assert first_column("What a client says") == {name for name in FORMS if "To" not in name and "From" not in name}
    assert first_column("Channels") == {JOBS, QUEUE, MEMORY, "job:<id>"}


def test_every_field_that_a_client_can_send_is_described_with_what_it_may_be() -> None:
    found = shapes.schemas()

    for name in ("JobRequest", "RetryRequest", "TokenRequest", "RefreshRequest", "KeyRequest", "InviteRequest"):
        for field, schema in found[name]["properties"].items():
            assert schema.get("description"), (name, field)
    request = found["JobRequest"]["properties"]
    assert request["kind"]["enum"] == ["audio", "video"]
    assert (request["priority"]["minimum"], request["priority"]["maximum"]) == (-10, 10)
    assert request["url"]["anyOf"][0]["maxLength"] == 2048
    assert found["KeyRequest"]["properties"]["user"]["description"] == (
        "Name; of another than yourself only for admins. Default: the caller."
    )
    assert {message.__name__ for message in messages.SPOKEN.values()} <= set(found)
