"""The statements of a store, read from its SQL file by name."""

import re
from collections.abc import Mapping
from pathlib import Path

from services.queue.core.job import Job

_NAMED = re.compile(r"^-- name: (\w+)\n((?:--[^\n]*\n)*)(.*?);\s*$", re.MULTILINE | re.DOTALL)


def load_statements(path: Path) -> Mapping[str, str]:
    """Return each statement of `path` under the name in the comment above it."""
    columns = ", ".join(Job._fields)
    parameters = ", ".join(f"?{number}" for number in range(1, len(Job._fields) + 1))
    text = path.read_text().replace("{columns}", columns).replace("{parameters}", parameters)
    return {match[1]: match[3] for match in _NAMED.finditer(text)}
