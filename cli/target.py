"""Which gateway is asked, and by whom."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.credentials import KEY_PREFIX, Credentials, Fixed, Kept, OwnKey
from cli.exits import USAGE, CommandError
from cli.login_file import LoginFile
from cli.variables import API_KEY, PORT, TOKEN, URL, VAR_DIR, config_dir
from services.chassis.running import read_state


@dataclass(frozen=True)
class Target:
    """A gateway.

    Args:
        url: Without a slash at the end.
        credentials: What it is shown.
        services: ``host:port`` of each gRPC service, by name, if it runs on this machine.
    """

    url: str
    credentials: Credentials
    services: dict[str, str]


def find_target(given_url: str = "") -> Target:
    """Return whom to ask: what was said, else what runs here, else what was signed in to, else this machine.

    A key or a sign-in of one gateway is never shown to another.

    Raises:
        CommandError: When an address is none.
    """
    state = read_state(Path(VAR_DIR.read()) / "run") or {}
    file = LoginFile(config_dir())
    login = file.read()
    running = str(state.get("gatewayUrl", ""))
    kept = login.url if login else ""
    url = checked_url(given_url or URL.read()) or running or kept or f"http://127.0.0.1:{PORT.read()}"
    is_here = url == running
    if token := TOKEN.read():
        credentials: Credentials = Fixed(token)
    elif key := API_KEY.read() or (str(state.get("apiKey", "")) if is_here else ""):
        credentials = key_credentials(key)
    else:
        credentials = Kept(file) if url == kept else Fixed("")
    return Target(url, credentials, dict(state.get("services", {})) if is_here else {})


def key_credentials(api_key: str) -> Credentials:
    """Return what an API key is shown as."""
    return Fixed(api_key) if api_key.startswith(KEY_PREFIX) else OwnKey(api_key)


def checked_url(url: str) -> str:
    """Return an address as it is compared; empty if it is empty.

    Raises:
        CommandError: When it is none.
    """
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise CommandError("FIELD_INVALID", f"The address must look like https://host:port, not {url!r}.", USAGE)
    return url.rstrip("/")
