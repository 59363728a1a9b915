"""The address of a page as people type it."""

import re

from cli.app import App
from cli.words import clean

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)
"""Begins an address; ``localhost:8082`` has none."""


def whole_address(app: App, typed: str) -> str:
    """Return the address with its scheme: https where none was typed, as in the dashboard, which is said."""
    if _SCHEME.match(typed):
        return typed
    whole = f"https://{typed}"
    app.note(f"Taken as {clean(whole)}.")
    return whole
