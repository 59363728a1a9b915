"""What the command reads from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Variable:
    """One variable.

    Args:
        name: Of it.
        text: Meaning and default.
        default: Shown in `.env.example`; empty: none.
    """

    name: str
    text: str
    default: str = ""

    def read(self) -> str:
        """Return its value, or the default."""
        return os.environ.get(self.name) or self.default


URL = Variable(
    "CLIPFERRY_URL",
    "Address of the gateway. Default: the one that runs here (VAR_DIR), else the one that `clipferry login` is for,"
    " else port PORT of this machine.",
)
API_KEY = Variable(
    "CLIPFERRY_API_KEY",
    "API key of a user, for scripts. Default: that of the one that runs here, else what `clipferry login` has left.",
)
TOKEN = Variable("CLIPFERRY_TOKEN", "Access token of a user, for scripts; beats CLIPFERRY_API_KEY. Default: none.")
PORT = Variable("PORT", "Port of the gateway on this machine. Default 3000.", "3000")
VAR_DIR = Variable("VAR_DIR", "Directory in whose ``run`` a clipferry that runs here says so. Default var.", "var")

VARIABLES = (URL, API_KEY, TOKEN, PORT, VAR_DIR)


def config_dir() -> Path:
    """Return where sign-ins are kept (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "clipferry"


def cache_dir() -> Path:
    """Return where that is kept which can be had again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipferry"
