"""Bytes, from the page to the Bot API: P1 to P4."""
