"""What is kept of secrets."""

import hashlib


def digest(secret: str) -> bytes:
    """Return what is stored of a random secret: SHA-256, without salt because there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def normal_code(code: str) -> str:
    """Return a pairing code as it was made, however a person typed it."""
    return code.upper().replace("-", "").replace(" ", "").replace("O", "0").replace("I", "1").replace("L", "1")
