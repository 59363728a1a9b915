"""What a clipferry that runs on this machine has written down: that it runs, where, and the key to ask it."""

import json
import os
from pathlib import Path
from typing import Any

STATE = "run.json"


def read_state(run_dir: Path) -> dict[str, Any] | None:
    """Return what was written down; None when nothing of this user's is.

    It holds `pid`, `gatewayUrl`, `gatewayStore` (a URL), `apiKey`, and `services`.
    """
    try:
        with (run_dir / STATE).open() as file:
            # In whatever directory this is called, only the user's own word sends their videos somewhere.
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            state: dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        return None
    return state
