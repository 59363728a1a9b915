"""The sign-in that `clipferry login` keeps: for this user alone, changed by one command at a time."""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Login:
    """Tokens of a session at a gateway.

    Args:
        url: Of the gateway, without a slash at the end.
        user: Who is signed in.
        access_token: For requests.
        refresh_token: For the next tokens.
        expires_at_s: Seconds since 1970 until which the access token is good.
    """

    url: str
    user: str
    access_token: str
    refresh_token: str
    expires_at_s: float


class LoginFile:
    """The one file.

    Args:
        directory: Made when it is needed, for this user alone.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "login.json"

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    def read(self) -> Login | None:
        """Return the sign-in; None when there is none that can be read."""
        try:
            return Login(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other command change the file for the length of the block."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def write(self, login: Login) -> None:
        """Replace what is there, at once: whoever reads sees the old or the new. Hold `locked`."""
        # Made for this user alone.
        fd, name = tempfile.mkstemp(dir=self._directory, prefix=".login-")
        with os.fdopen(fd, "w") as file:
            json.dump(asdict(login), file)
        Path(name).replace(self._path)

    def remove(self) -> None:
        """Forget the sign-in. Hold `locked`."""
        self._path.unlink(missing_ok=True)
