"""The second wall, in a process of its own: it cannot be taken down again."""

import subprocess
import sys
from pathlib import Path

import pytest

SETUP = """
import os, socket, subprocess, sys
from pathlib import Path
from services.processor.adapters.confine import confine
from services.processor.adapters.messages import JobOrder
job_dir = Path(sys.argv[1])
proxy = socket.create_server(("127.0.0.1", 0))
confine(JobOrder(url="", is_audio=False, format="", referer="", user_agent="", playlist_item=0,
                 proxy_url=f"http://job:x@127.0.0.1:{proxy.getsockname()[1]}", cpu_s=10, data_bytes=1 << 28,
                 socket_timeout_s=1, fragments_at_once=1, limit_bytes=1, transcode_cpu_s=10,
                 transcode_timeout_s=1, asks_duration=False), job_dir)
"""


def attempt(job_dir: Path, code: str) -> str:
    """Run `code` confined; returns the last line of its standard error."""
    command = [sys.executable, "-c", SETUP + code, str(job_dir)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stderr.strip().rpartition("\n")[2]


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(('127.0.0.1', 1))",
        "socket.getaddrinfo('localhost', 80)",
        "open(job_dir.parent / 'outside', 'w')",
        "os.open('../outside', os.O_CREAT | os.O_WRONLY)",
        "os.mkdir('/dev/shm/outside')",
        "Path('inside').touch(); os.rename('inside', '../outside')",
        "subprocess.run(['/bin/sh', '-c', 'true'])",
        "os.system('true')",
        "os.execv('/bin/true', ['true'])",
        "os.fork()",
        "socket.create_connection(('169.254.169.254', 80))",
        "socket.socket(socket.AF_INET6).connect(('::1', proxy.getsockname()[1]))",
        "socket.socket(socket.AF_UNIX).connect('/run/other.sock')",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
        "socket.socket().bind(('127.0.0.1', 0))",
        "socket.gethostbyname('localhost')",
        "os.symlink('/etc', '../link')",
        "os.symlink('/dev/shm', 'link'); open('link/outside', 'w')",
        "os.link('/etc/hostname', 'hard')",
        "os.truncate('../outside', 0)",
        "os.remove('/dev/shm/outside')",
        "os.chmod('/dev/shm', 0o777)",
        "os.symlink('.', '../link')",
        "socket.gethostbyaddr('8.8.8.8')",
        "Path('/dev/shm/outside').write_bytes(b'x')",
        "__import__('shutil').copy('/etc/hostname', '..')",
        "__import__('sqlite3').connect('/dev/shm/outside.db')",
        "subprocess.Popen(['ffmpeg'], executable='/bin/sh')",
        "subprocess.Popen('true', shell=True)",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "__import__('ctypes').CDLL(None).system(b'true')",
    ],
)
def test_a_breach_is_stopped(tmpfs_dir: Path, code: str) -> None:
    job_dir = tmpfs_dir / "job"
    job_dir.mkdir()

    assert "ConfinementError" in attempt(job_dir, code)
    assert list(tmpfs_dir.iterdir()) == [job_dir]


def test_the_work_itself_is_allowed(tmpfs_dir: Path) -> None:
    """Files in the directory, the proxy, reading."""
    work = (
        "Path('a').write_bytes(b'x'); os.rename('a', 'b'); Path('b').unlink();"
        "socket.create_connection(proxy.getsockname()); open('/etc/hostname').close(); import tempfile;"
        "tempfile.TemporaryFile().close(); assert os.environ['HOME'] == str(job_dir) == os.getcwd()"
    )

    assert attempt(tmpfs_dir, work) == ""
