"""The jobs that were seen last, so that a shell can complete their ids without asking anybody."""

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli.variables import cache_dir
from cli.words import clean, name_of

_MOST = 100


def remember(jobs: Sequence[dict[str, Any]]) -> None:
    """Add jobs to those that were seen last. Where that cannot be written, nothing is completed."""
    known = {job["id"]: clean(name_of(job)) for job in jobs} | known_jobs()
    with contextlib.suppress(OSError):
        cache_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(dir=cache_dir(), prefix=".jobs-")
        with os.fdopen(fd, "w") as file:
            json.dump(dict(list(known.items())[:_MOST]), file)
        Path(name).replace(cache_dir() / "jobs.json")


def known_jobs() -> dict[str, str]:
    """Return the ids and names of jobs that were seen last."""
    try:
        found: dict[str, str] = json.loads((cache_dir() / "jobs.json").read_text())
    except (OSError, ValueError):
        return {}
    return found
