"""What the figures were measured on."""

import os
import platform
import re
from pathlib import Path

import psutil


def machine() -> str:
    """Return processor, cores, memory, kernel and Python in one line."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = found[1] if found else platform.machine()
    memory_gib = psutil.virtual_memory().total / (1 << 30)
    return (
        f"{os.cpu_count()} cores of {processor}, {memory_gib:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )
