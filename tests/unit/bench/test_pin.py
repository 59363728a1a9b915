"""Where a process under measurement may run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.process import pin

_THREADS_COUNT = 3
_PROGRAM = f"""
import threading, time
started = [threading.Thread(target=time.sleep, args=(60,), daemon=True) for _ in range({_THREADS_COUNT})]
for each in started:
    each.start()
print("ready", flush=True)
input()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("one more", flush=True)
input()
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core only")
def test_all_threads_stay_on_the_core() -> None:
    """Those that run already, also beside the first, and those that come later."""
    core = max(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        pin(started.pid, core)
        assert _cores(started.pid) == [{core}] * (1 + _THREADS_COUNT)
        started.stdin.write(b"\n")
        started.stdin.flush()
        assert started.stdout.readline() == b"one more\n"
        assert _cores(started.pid) == [{core}] * (2 + _THREADS_COUNT)
        started.kill()


def _cores(pid: int) -> list[set[int]]:
    return [os.sched_getaffinity(int(task.name)) for task in Path(f"/proc/{pid}/task").iterdir()]
