"""What `tests/kube` runs in pods, run here: the client over a real clipferry that delivers to the outside."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from pydantic import SecretStr

from services.notifier.config import NotifierSettings
from services.notifier.service import notifier_service
from services.processor.config import ProcessorSettings
from services.processor.service import processor_service
from services.queue.service import queue_service
from tests.fakes.clips import mp4_clip
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import ADMIN_KEY, gateway_at_hand
from tests.fakes.queue_client import settings_for
from tests.kube.overlay.client import Client
from tests.kube.overlay.outside import Outside

SCRIPT = Path(__file__).parent.parent / "kube/overlay/client.py"


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    """Serve for the length of the block; yields the URL."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_each_video_that_is_submitted_arrives_once(tmp_path: Path) -> None:
    """Until the client is told to stop; then it says what became of them."""
    (tmp_path / "key").write_text(ADMIN_KEY)
    outside = Outside(("127.0.0.1", 0), mp4_clip())
    with served(outside) as url:
        notifier = NotifierSettings(
            listen_address="127.0.0.1:0",
            telegram_bot_token=SecretStr("123456789:kube-token-of-nobody-at-all"),
            telegram_api_base_url=url,
            telegram_chat_id="1000",
            telegram_chat_messages_per_s=0,
            drain_s=0.1,
        )
        async with queue_service(settings_for(tmp_path, drain_s=1)) as queue_port, notifier_service(notifier) as port:
            processor = ProcessorSettings(
                listen_address="127.0.0.1:0",
                queue_target=f"127.0.0.1:{queue_port}",
                notifier_target=f"127.0.0.1:{port}",
                egress_allow=url.removeprefix("http://"),
                tmpfs_dir=Path("/dev/shm") / f"clipferry-test-{tmp_path.name}",
                drain_s=0.1,
            )
            async with processor_service(processor), gateway_at_hand(tmp_path, queue_port, requests_per_min=0) as admin:
                gateway = f"http://127.0.0.1:{admin.port}"
                client = await asyncio.create_subprocess_exec(
                    *(sys.executable, SCRIPT, gateway, url, tmp_path / "key"), stdout=asyncio.subprocess.PIPE
                )
                await eventually(lambda: have_come(outside, 3), within_s=60, what="three have arrived")
                async with httpx.AsyncClient(trust_env=False) as http:
                    await http.post(f"{url}/stop")
                said, _ = await asyncio.wait_for(client.communicate(), 60)
    seen = json.loads(said.splitlines()[-1])

    assert seen["failures"] == []
    assert set(seen["statuses"].values()) == {"completed"}
    assert sorted(outside.captions) == sorted(seen["statuses"])
    assert seen["call_count"] > len(seen["statuses"]) >= 3


async def have_come(outside: Outside, count: int) -> bool:
    return len(outside.captions) >= count


class Breaking(BaseHTTPRequestHandler):
    """Breaks the connection of the first try under each key, refuses ``refused``, and accepts the rest."""

    keys: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["Idempotency-Key"]
        self.keys.append(key)
        if self.keys.count(key) == 1:
            self.close_connection = True
            return
        body = b'{"id": "1", "status": "queued"}' if key != "refused" else b'{"code": "QUEUE_FULL"}'
        self.send_response(503 if key == "refused" else 202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
        pass


def test_what_breaks_is_repeated_under_its_key_and_what_is_refused_is_a_failure() -> None:
    """As the command line has it: a repeat is no failure, and no answer but an accepting one is success."""
    Breaking.keys = []
    with served(ThreadingHTTPServer(("127.0.0.1", 0), Breaking)) as url:
        client = Client(url, "key")
        client.submit("http://outside/clip.mp4", "taken")
        client.submit("http://outside/clip.mp4", "refused")

    assert Breaking.keys == ["taken", "taken", "refused", "refused"]
    assert client.seen.statuses == {"taken": "queued"}
    assert client.seen.repeat_count == 2
    assert client.seen.failures == ['POST /api/jobs: 503 {"code": "QUEUE_FULL"}']
