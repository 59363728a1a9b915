"""JSON that does not fit a type, as the error that names field, value and limit."""

import difflib
import functools
import json
import re
from typing import Any

import msgspec

from gateway.api.allowed import Schema, refusal
from gateway.api.repeated import check_keys
from services.chassis.errors import ClipferryError, Reason

_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_STEP = re.compile(r"[^.\[\]`]+|\[\d+\]")
_TOO_DEEP = "it is nested too deeply"
_LONGEST_NUMBER = 400
"""Digits that are looked at; Python refuses to read thousands."""
_SHOWN_NAME = 80
_ALIKE = 0.6
"""How much two names have in common when one may be meant by the other: 0 to 1."""


def misfit(error: msgspec.ValidationError, wanted: Any, raw: bytes | str) -> ClipferryError:
    """Return the FIELD_INVALID of JSON that does not fit; BODY_INVALID when what follows the misfit is no JSON.

    Args:
        error: What msgspec said.
        wanted: The type that it was read as.
        raw: The JSON.
    """
    problem, _, path = str(error).partition(" - at `$")
    steps = _STEP.findall(path.strip("`"))
    missing = _MISSING.match(problem)
    if missing:
        field = _joined([*steps, missing[1]])
        return ClipferryError(Reason.FIELD_INVALID, f"{field} is missing.", field=field)
    unknown = _UNKNOWN.match(problem)
    if unknown:
        return _unknown(steps, unknown[1], wanted)
    try:
        value = read_json(raw)
        check_keys(raw.encode() if isinstance(raw, str) else raw)
    except (ValueError, RecursionError) as broken:
        return not_json(broken, raw)
    except ClipferryError as twice:
        return twice
    for step in steps:
        value = value[int(step[1:-1]) if step.startswith("[") else step]
    return refusal(_joined(steps) or "body", _schema_at(steps, wanted), value)


def _unknown(steps: list[str], field: str, wanted: Any) -> ClipferryError:
    """Return the error of a field that does not exist: silence would lose what a mistyped one asks for."""
    components, _ = _schemas(wanted)
    known = list(components[_reference(_schema_at(steps, wanted))]["properties"])
    place = _joined([*steps, field[:_SHOWN_NAME]])
    near = difflib.get_close_matches(field[:_SHOWN_NAME], known, 1, _ALIKE)
    hint = f"did you mean {near[0]}?" if near else f"there {'are' if len(known) > 1 else 'is'} {', '.join(known)}."
    return ClipferryError(Reason.FIELD_INVALID, f"{place} is not a field here: {hint}", field=place)


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
    return json.loads(
        text, parse_int=lambda digits: int(digits[:_LONGEST_NUMBER]), parse_constant=lambda name: _no_number(text, name)
    )


def _no_number(text: str, name: str) -> None:
    """Refuse NaN, Infinity and -Infinity, which Python reads."""
    raise json.JSONDecodeError(f"{name} is not a number in JSON", text, text.index(name))


@functools.cache
def _schemas(wanted: Any) -> tuple[dict[str, Any], Schema]:
    (root,), components = msgspec.json.schema_components([wanted], ref_template="{name}")
    return components, root


def _schema_at(steps: list[str], wanted: Any) -> Schema:
    """Return what a value may be, some steps into an object or a list."""
    components, schema = _schemas(wanted)
    for step in steps:
        if step.startswith("["):
            schema = next(option["items"] for option in schema.get("anyOf", [schema]) if "items" in option)
        else:
            schema = components[_reference(schema)]["properties"][step]
    return schema


def _joined(steps: list[str]) -> str:
    """Return a place as people write it: ``chats[0]``, ``videoData.pageUrl``."""
    return "".join(step if step.startswith("[") else f".{step}" for step in steps).removeprefix(".")


def _reference(schema: Schema) -> str:
    """Return the name of the object in a schema that may also be null."""
    return next(str(option["$ref"]) for option in schema.get("anyOf", [schema]) if "$ref" in option)
