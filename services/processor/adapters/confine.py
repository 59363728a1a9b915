"""What a child may not do: limits by the kernel, an empty environment, and an audit hook as the second wall."""

import os
import resource
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.processor.adapters.messages import JobOrder

CPU_GRACE_S = 5
"""Seconds of CPU between the signal that ends a process and the one that nobody can ignore."""
_OPEN_FILES_COUNT = 128
_PACKAGES = (sysconfig.get_path("platlib"), sysconfig.get_path("purelib"))
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATH_EVENTS = frozenset(
    {"os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown"}
)
_TWO_PATH_EVENTS = frozenset({"os.rename", "os.link", "os.symlink"})
_NEVER = frozenset(
    {
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn"),
        *("socket.bind", "socket.sendto", "socket.sendmsg", "sqlite3.connect"),
    }
)
_RESOLVING = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})


class ConfinementError(PermissionError):
    """The child tried what it may not. The message names what."""


def confine(order: JobOrder, job_dir: Path) -> None:
    """Lock this process in, for good."""
    _set_limits(order)
    _set_environment(job_dir)
    proxy = urlsplit(order.proxy_url)
    sys.addaudithook(_guard(job_dir, (str(proxy.hostname), int(proxy.port or 0))))


def limit_file_size(limit_bytes: int) -> None:
    """Let no file of this process and its children grow over `limit_bytes`, for good."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


def _set_limits(order: JobOrder) -> None:
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, order.data_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES_COUNT),
    ):
        resource.setrlimit(kind, (limit, limit))
    # An ffmpeg that re-encodes may use more; it is given that by name.
    most_cpu_s = max(order.cpu_s, order.transcode_cpu_s) + CPU_GRACE_S
    resource.setrlimit(resource.RLIMIT_CPU, (order.cpu_s, most_cpu_s))


def _set_environment(job_dir: Path) -> None:
    os.chdir(job_dir)
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        os.environ[name] = str(job_dir)
    tempfile.tempdir = str(job_dir)


def _check_library(name: str) -> None:
    """Let installed packages load what is theirs; the C library is the way past the hook."""
    if not name.startswith(_PACKAGES):
        raise ConfinementError(f"loading {name}")


def _guard(job_dir: Path, proxy: tuple[str, int]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook. It sees Python's own calls, not those of C libraries: the proxy is the first wall."""
    inside = f"{job_dir}{os.sep}"

    def check_path(path: object) -> None:
        if isinstance(path, int) or path is None:
            return
        text = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type]  # noqa: PTH100 - what open() was given
        if not text.startswith(inside) and text not in {str(job_dir), os.devnull}:
            raise ConfinementError(f"writing outside the job's directory: {text}")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if (arguments[2] or 0) & _WRITES:
                check_path(arguments[0])
        elif event == "socket.connect" and arguments[1] != proxy:
            raise ConfinementError(f"connecting past the proxy: {arguments[1]}")
        elif event in _RESOLVING and arguments[0] != proxy[0]:
            raise ConfinementError(f"resolving past the proxy: {arguments[0]}")
        elif event == "ctypes.dlopen":
            _check_library(str(arguments[0]))
        elif event == "subprocess.Popen":
            if os.path.basename(os.fsdecode(arguments[0])) not in {"ffmpeg", "ffprobe"}:  # noqa: PTH119 - hot, no object
                raise ConfinementError(f"starting {arguments[0]}")
        elif event in _PATH_EVENTS:
            check_path(arguments[0])
            if event in _TWO_PATH_EVENTS:
                check_path(arguments[1])
        elif event in _NEVER:
            raise ConfinementError(event)

    return hook
