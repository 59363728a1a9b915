"""JSON that does not fit a type, as the error that names field, value and limit."""

import functools
import json
import re
from typing import Any

import msgspec

from gateway.api.allowed import Schema, refusal
from services.chassis.errors import ClipferryError, Reason

_MISSING = re.compile(r"Object missing required field `(.+)`")
_TOO_DEEP = "it is nested too deeply"
_LONGEST_NUMBER = 400
"""Digits that are looked at; Python refuses to read thousands."""


def misfit(error: msgspec.ValidationError, wanted: Any, raw: bytes | str) -> ClipferryError:
    """Return the FIELD_INVALID of JSON that does not fit; BODY_INVALID when what follows the misfit is no JSON.

    Args:
        error: What msgspec said.
        wanted: The type that it was read as.
        raw: The JSON.
    """
    problem, _, path = str(error).partition(" - at `$")
    names = [name for name in path.strip("`").split(".") if name]
    missing = _MISSING.match(problem)
    if missing:
        field = ".".join([*names, missing[1]])
        return ClipferryError(Reason.FIELD_INVALID, f"{field} is missing.", field=field)
    try:
        value = read_json(raw)
    except (ValueError, RecursionError) as broken:
        return not_json(broken, raw)
    components, schema = _schemas(wanted)
    for name in names:
        schema = components[_reference(schema)]["properties"][name]
        value = value[name]
    return refusal(".".join(names) or "body", schema, value)


def not_json(error: Exception, raw: bytes | str) -> ClipferryError:
    """Return the BODY_INVALID of a body that is no JSON; `error` is what msgspec said."""
    if not raw.strip():
        return ClipferryError(Reason.BODY_INVALID, "The body is empty; it must be a JSON object.")
    try:
        read_json(raw)
    except UnicodeDecodeError as place:
        why = f"byte {place.start} is not UTF-8"
    except json.JSONDecodeError as place:
        why = f"{place.msg} (character {place.pos})"
    except RecursionError:
        why = _TOO_DEEP
    else:
        why = _TOO_DEEP if isinstance(error, RecursionError) else "a character in it is written by halves"
    return ClipferryError(Reason.BODY_INVALID, f"The body is not valid JSON: {why}.")


def read_json(raw: bytes | str) -> Any:
    """Return what is in JSON, whatever it is; of a very long number the beginning. Raises as `json.loads` does."""
    # From text, or it would take UTF-16 and a byte order mark as well.
    text = raw if isinstance(raw, str) else raw.decode()
    return json.loads(text, parse_int=lambda digits: int(digits[:_LONGEST_NUMBER]))


@functools.cache
def _schemas(wanted: Any) -> tuple[dict[str, Any], Schema]:
    (root,), components = msgspec.json.schema_components([wanted], ref_template="{name}")
    return components, root


def _reference(schema: Schema) -> str:
    """Return the name of the object in a schema that may also be null."""
    return next(str(option["$ref"]) for option in schema.get("anyOf", [schema]) if "$ref" in option)
