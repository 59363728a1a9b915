"""What may be said over /ws, by the committed AsyncAPI document: for tests that hold every frame against it."""

import copy
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def check_spoken(message: Mapping[str, Any]) -> None:
    """Check that the gateway may say `message`, with these fields and no others.

    Raises:
        AssertionError: If the document does not know the type.
        jsonschema_rs.ValidationError: If the message does not fit it.
    """
    _check("gateway", message)


def check_said(message: Mapping[str, Any]) -> None:
    """Check that a client may say `message`. Raises as `check_spoken` does."""
    _check("client", message)


def _check(speaker: str, message: Mapping[str, Any]) -> None:
    validator = _validators().get((speaker, str(message.get("type"))))
    assert validator is not None, f"the {speaker} has no message of type {message.get('type')!r}"
    validator.validate(message)


@functools.cache
def _validators() -> Mapping[tuple[str, str], jsonschema_rs.Draft202012Validator]:
    components = copy.deepcopy(json.loads(DOCUMENT.read_text())["components"])
    for schema in components["schemas"].values():
        # The gateway says nothing that is not written there. (Clients are to ignore what they do not know.)
        schema["additionalProperties"] = False
    return {
        (key.partition(".")[0], message["name"]): jsonschema_rs.Draft202012Validator(
            {**message["payload"], "components": components}
        )
        for key, message in components["messages"].items()
    }
