"""The AsyncAPI document of /ws is whole, and it is served."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from gateway.live.commands import FORMS
from gateway.live.messages import SPOKEN
from tests.fakes.gateway_client import gateway_at_hand
from tests.fakes.spoken import DOCUMENT, check_said, check_spoken

PAGE: dict[str, Any] = json.loads(DOCUMENT.read_text())


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references(each)


def resolved(reference: str) -> Any:
    found = PAGE
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_every_reference_leads_somewhere() -> None:
    for reference in references(PAGE):
        assert resolved(reference), reference


def test_it_has_what_asyncapi_3_wants() -> None:
    """The required fields, and operations whose messages are those of their channel (AsyncAPI 3.0.0, Operation)."""
    assert PAGE["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(PAGE["info"])
    for operation in PAGE["operations"].values():
        assert operation["action"] in {"send", "receive"}
        of_channel = f"{operation['channel']['$ref']}/messages/"
        told = [*operation["messages"], *operation.get("reply", {}).get("messages", [])]
        assert all(message["$ref"].startswith(of_channel) for message in told)
    for name, message in PAGE["components"]["messages"].items():
        assert name.replace(".", "").isalnum(), name
        jsonschema_rs.meta.validate({**message["payload"], "$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_it_names_everything_that_can_be_said() -> None:
    said = {(key.split(".")[0], message["name"]) for key, message in PAGE["components"]["messages"].items()}

    assert said == {("gateway", name) for name in SPOKEN} | {("client", name) for name in FORMS}


def test_what_is_not_in_it_is_found_out() -> None:
    pong = {"type": "pong", "timestamp": "", "id": None, "serverTime": ""}
    check_spoken(pong)
    with pytest.raises(AssertionError, match="dance"):
        check_spoken({**pong, "type": "dance"})
    with pytest.raises(jsonschema_rs.ValidationError):
        check_spoken({**pong, "more": 1})
    with pytest.raises(jsonschema_rs.ValidationError):
        check_said({"type": "hello"})


async def test_a_running_gateway_serves_it(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path) as admin:
        served = await admin.get("/asyncapi.json")

    assert served.pop("servers") == {"gateway": {"host": f"127.0.0.1:{admin.port}", "protocol": "ws"}}
    assert served == {name: part for name, part in PAGE.items() if name != "servers"}


async def test_it_names_the_server_as_a_proxy_says(tmp_path: Path) -> None:
    """A program that reads it connects to where it was read from, not to the port behind the proxy."""
    behind = {
        "X-Forwarded-Host": "clips.example.org",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/clips",
    }
    async with gateway_at_hand(tmp_path, trusted_proxies="127.0.0.1") as admin:
        served = (await admin.http.get("/asyncapi.json", headers=behind)).json()

    assert served["servers"] == {
        "gateway": {"host": "clips.example.org", "protocol": "wss", "pathname": "/clips"},
    }
