"""The AsyncAPI 3 document of /ws, made from the types that are read and written there."""

from typing import Any

import msgspec

from gateway.api.described import REFERENCE
from gateway.api.schemas import schemas
from gateway.live.commands import FORMS, Command, Form
from gateway.live.messages import PROTOCOL, SPOKEN, MemoryStats, QueueStats, Subscribed
from gateway.live.snapshots import JobSnapshot, JobsSnapshot

_CHANNEL = {"$ref": "#/channels/live"}
_SNAPSHOTS = (JobsSnapshot, JobSnapshot, QueueStats, MemoryStats)
_DESCRIPTION = (
    f"Live updates, subprotocol `{PROTOCOL}`. Every frame is text and holds one JSON object with a `type`. The client"
    " says `hello` first, or sends an Authorization header with the handshake. Ignore fields and types that you do not"
    " know. Close codes: the gateway's page /docs, `Close codes`."
)


def asyncapi_document() -> dict[str, Any]:
    """Return the document; `send` and `receive` are seen from the gateway, as AsyncAPI 3 has it."""
    messages = {_key("gateway", name): _spoken(name, view) for name, view in SPOKEN.items()} | {
        _key("client", name): _heard(name, form) for name, form in FORMS.items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "clipferry live updates", "version": "0.1.0", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": servers("localhost:3000", "http", ""),
        "channels": {
            "live": {
                "address": "/ws",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {"tell": _operation("send", [_key("gateway", name) for name in SPOKEN])}
        | {name.replace(":", "."): _command(name, form) for name, form in FORMS.items()},
        "components": {"messages": messages, "schemas": _schemas()},
    }


def servers(host: str, scheme: str, root_path: str) -> dict[str, Any]:
    """Return where /ws is reached.

    Args:
        host: Of the gateway, with its port.
        scheme: Of a request, as the proxy said.
        root_path: Path below which the gateway is reached; empty: at the top.
    """
    server = {"host": host, "protocol": "wss" if scheme in ("https", "wss") else "ws"}
    return {"gateway": server | ({"pathname": root_path} if root_path else {})}


def _key(speaker: str, name: str) -> str:
    """Return the name of a message in the document, where a colon is not allowed."""
    return f"{speaker}.{name.replace(':', '.')}"


def _operation(action: str, keys: list[str]) -> dict[str, Any]:
    return {"action": action, "channel": _CHANNEL, "messages": _in_channel(keys)}


def _in_channel(keys: list[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/live/messages/{key}"} for key in keys]


def _command(name: str, form: Form) -> dict[str, Any]:
    operation = _operation("receive", [_key("client", name)])
    if form.answer:
        answers = [_key("gateway", answer) for answer in (form.answer, "error")]
        operation["reply"] = {"channel": _CHANNEL, "messages": _in_channel(answers)}
    return operation


def _spoken(name: str, view: type[msgspec.Struct]) -> dict[str, Any]:
    of_type = {"type": "object", "properties": {"type": {"const": name}}}
    return {"name": name, "payload": {"allOf": [{"$ref": REFERENCE.format(name=view.__name__)}, of_type]}}


def _heard(name: str, form: Form) -> dict[str, Any]:
    fields = schemas([Command])[Command.__name__]["properties"]
    known = {field: fields[field] for field in ("id", *form.needs, *form.may_have)}
    needed = {field: _without_null(fields[field]) for field in form.needs}
    return {
        "name": name,
        "payload": {
            "type": "object",
            "properties": {"type": {"const": name}} | known | needed,
            "required": ["type", *form.needs],
        },
    }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    (option,) = (option for option in schema["anyOf"] if option.get("type") != "null")
    return {"description": schema["description"], **option}


def _schemas() -> dict[str, Any]:
    found = schemas([*dict.fromkeys(SPOKEN.values()), *_SNAPSHOTS])
    snapshot = found[Subscribed.__name__]["properties"]["snapshot"]
    snapshot["anyOf"] = [{"$ref": REFERENCE.format(name=view.__name__)} for view in _SNAPSHOTS] + [{"type": "null"}]
    return found
