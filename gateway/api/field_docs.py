"""What a type says of its fields: the text below each, as editors show it."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Mapping

import msgspec


def field_docs(view: type[msgspec.Struct]) -> Mapping[str, str]:
    """Return the text below each field of `view` and of what it extends, by the field's name in JSON."""
    texts: dict[str, str] = {}
    for each in reversed(view.__mro__):
        if issubclass(each, msgspec.Struct) and each is not msgspec.Struct:
            texts |= _texts(each)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(view)}
    return {names[name]: text for name, text in texts.items() if name in names}


def _texts(view: type) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(view))).body
    lines = definition.body if isinstance(definition, ast.ClassDef) else []
    found = {}
    for field, below in itertools.pairwise(lines):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
