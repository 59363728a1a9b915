"""What a field may hold, in words: made from the same JSON Schema that documents the field."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.chassis.errors import ClipferryError, Reason

Schema = Mapping[str, Any]

_SHOWN_LENGTH = 80

_KIND_BY_TYPE = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}

_KIND_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def refusal(field: str, schema: Schema, value: object) -> ClipferryError:
    """Return the error for a field that does not hold what it may, such as *priority must be -10 to 10, not 11*.

    Args:
        field: Its name as the caller wrote it.
        schema: JSON Schema of what it may hold.
        value: What it holds, as read from JSON.
    """
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    near = next((option for option in options if _is_near(option, value)), None)
    if near is None:
        wanted, shown = f"be {' or '.join(_described(option) for option in options)}", _shown(value)
    elif isinstance(value, list):
        wanted, shown = f"have {_count(near)}", str(len(value))
    elif isinstance(value, str):
        wanted, shown = f"have {_length(near)}", str(len(value))
    else:
        wanted, shown = f"be {_range(near)}", _shown(value)
    return ClipferryError(Reason.FIELD_INVALID, f"{field} must {wanted}, not {shown}.", field=field)


def _is_near(option: Schema, value: object) -> bool:
    """Return whether `value` is of the right type, so that only its size is wrong."""
    kind = _kind(value)
    if kind == "string":
        return option.get("type") == "string" and ("maxLength" in option or "minLength" in option)
    if kind == "array":
        return option.get("type") == "array" and bool(_count(option))
    is_number = option.get("type") == kind or (option.get("type") == "number" and kind == "integer")
    return is_number and bool(_range(option))


def _kind(value: object) -> str:
    return _KIND_BY_TYPE[type(value)]


def _described(option: Schema) -> str:
    if "enum" in option:
        return either(option["enum"])
    kind = option.get("type", "object")
    said = {"string": _length, "array": _count}.get(kind, _range)(option)
    limits = f"of {said}" if kind in ("string", "array") and said else said
    if {"minimum", "maximum"} <= option.keys():
        limits = f"from {limits}"
    return f"{_KIND_WORDS[kind]} {limits}".strip()


def _length(option: Schema) -> str:
    low, high = option.get("minLength"), option.get("maxLength")
    if low and high:
        return f"{low} to {high} characters"
    if high is not None:
        return f"at most {high} characters"
    return f"at least {low} character{'' if low == 1 else 's'}" if low else ""


def _count(option: Schema) -> str:
    return f"at most {option['maxItems']} items" if "maxItems" in option else ""


def _range(option: Schema) -> str:
    low, above, high = (option.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    if low is not None and high is not None:
        return f"{low} to {high}"
    found = [f"more than {above}"] if above is not None else []
    found += [f"at least {low}"] if low is not None else []
    found += [f"at most {high}"] if high is not None else []
    return " and ".join(found)


def either(values: Sequence[str]) -> str:
    """Return `values` as people say them: ``a, b or c``."""
    return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))


def _shown(value: object) -> str:
    kind = _kind(value)
    if kind in ("array", "object"):
        return _KIND_WORDS[kind]
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = str(value)
    cut = text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"
    return repr(cut) if kind == "string" else cut
