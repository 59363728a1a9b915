"""A process that has yt-dlp warm, forks one child per job in milliseconds, and ends each child's whole group.

Started by exec, so that it inherits nothing of grpc, its threads and its descriptors. One request is one datagram with
two descriptors: the child's socket and a *lifeline*. When the parent shuts its end of the lifeline, or dies, the
group of that job is killed, waited for to the last process, and its directory is removed; then the exit status is
written to the lifeline. So nobody needs a process id, and no id can be reused under anybody's feet.
"""

import contextlib
import ctypes
import os
import selectors
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from services.processor.adapters.child import run_job, warm
from services.processor.adapters.messages import INTERRUPT, PAUSE, RESUME

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_REQUEST_LIMIT_BYTES = 4096
_SIGNALS_OF_THE_GROUP = {PAUSE: signal.SIGSTOP, RESUME: signal.SIGCONT}

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class _Job:
    pid: int
    job_dir: Path
    lifeline: socket.socket


def main(control_fd: int) -> None:
    """Serve fork requests until the parent is gone."""
    # ffmpeg becomes ours when its parent dies, so that we can wait for it too.
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Ctrl-C in a terminal reaches the whole foreground group; the parent decides about this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=control_fd)
    warm()
    jobs: set[_Job] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is control:
                    job = _fork(control, jobs)
                    if job is None:
                        _end_all(jobs)
                        return
                    jobs.add(job)
                    selector.register(job.lifeline, selectors.EVENT_READ, job)
                elif not _obey(key.data):
                    selector.unregister(key.fileobj)
                    _end(key.data)
                    jobs.discard(key.data)


def _fork(control: socket.socket, jobs: set[_Job]) -> _Job | None:
    message, fds, _, _ = socket.recv_fds(control, _REQUEST_LIMIT_BYTES, 2)
    if not message:
        return None
    job_dir = Path(os.fsdecode(message))
    channel_fd, lifeline_fd = fds
    forkserver_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_child(control, jobs, lifeline_fd, forkserver_pid)
        _run(channel_fd, job_dir)
    os.close(channel_fd)
    return _Job(pid, job_dir, socket.socket(fileno=lifeline_fd))


def _become_child(control: socket.socket, jobs: set[_Job], lifeline_fd: int, forkserver_pid: int) -> None:
    os.setsid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != forkserver_pid:
        os._exit(1)
    control.close()
    os.close(lifeline_fd)
    for job in jobs:
        job.lifeline.close()


def _run(channel_fd: int, job_dir: Path) -> None:
    status = 1
    try:
        run_job(socket.socket(fileno=channel_fd), job_dir)
        status = 0
    finally:
        # Never returns into the forkserver's loop, and runs none of its exit handlers.
        os._exit(status)


def _obey(job: _Job) -> bool:
    """Do what the lifeline says; False when it is shut."""
    try:
        message = job.lifeline.recv(1)
    except ConnectionError:
        return False
    if message == INTERRUPT:
        os.kill(job.pid, signal.SIGINT)
    elif message in _SIGNALS_OF_THE_GROUP:
        with contextlib.suppress(ProcessLookupError):  # it has not made its group yet, or is gone
            os.killpg(job.pid, _SIGNALS_OF_THE_GROUP[message])
    return bool(message)


def _end_all(jobs: set[_Job]) -> None:
    for job in jobs:
        _end(job)


def _end(job: _Job) -> None:
    """Kill the group, wait until none of it is left, remove its directory, and say how the child ended."""
    # The child is not waited for before, so its id is still its own, also when it has ended by itself.
    os.kill(job.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # killed before it could make its group
        os.killpg(job.pid, signal.SIGKILL)
    status = os.waitpid(job.pid, 0)[1]
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-job.pid, 0)
    shutil.rmtree(job.job_dir, ignore_errors=True)
    with contextlib.suppress(ConnectionError):  # the parent is gone
        job.lifeline.send(str(os.waitstatus_to_exitcode(status)).encode())
    job.lifeline.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
