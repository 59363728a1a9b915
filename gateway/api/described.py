"""What FastAPI is told of bodies that msgspec reads and writes; the OpenAPI document holds their schemas."""

from typing import Any

import msgspec

REFERENCE = "#/components/schemas/{name}"

JSON = "application/json"


def content_of(view: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the OpenAPI content of JSON that fits `view`."""
    return {JSON: {"schema": {"$ref": REFERENCE.format(name=view.__name__)}}}


def answers(view: type[msgspec.Struct], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that answers with `view`, with 200 unless told."""
    return {status: {"description": summary_of(view), "content": content_of(view)} for status in statuses or (200,)}


def takes(view: type[msgspec.Struct], *, needed: bool = True) -> dict[str, Any]:
    """Return the part of an OpenAPI operation that says that its body is a `view`."""
    return {"requestBody": {"required": needed, "content": content_of(view)}}


def summary_of(view: type[msgspec.Struct]) -> str:
    """Return the first line of what `view` says of itself."""
    return (view.__doc__ or "").partition("\n")[0]
