"""``python outside.py FOLDER``: what lies beyond clipferry, in a pod: a site with one video, and an easy-going Bot API.

Needs the standard library alone, and for its video the ffmpeg of the processor's image, in which it runs.
"""

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PORT = 8080
_CAPTION = re.compile(rb'name="caption"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)


class Outside(ThreadingHTTPServer):
    """Listens until it is shut down.

    Args:
        video: What ``/clip.mp4`` is, whatever its query.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], video: bytes) -> None:
        super().__init__(address, _Handler)
        self.video = video
        self.captions: list[str] = []
        """Of the messages that came, in their order."""
        self.is_over = False
        """Whether clients have been told to stop."""
        self._lock = threading.Lock()

    def keep(self, body: bytes) -> int:
        """Take a message; returns its number."""
        found = _CAPTION.search(body)
        with self._lock:
            self.captions.append(found[1].decode() if found else "")
            return len(self.captions)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Outside

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/clip.mp4":
            self._answer(self.server.video, kind="video/mp4")
        elif path == "/messages":
            self._answer_json(self.server.captions)
        elif path == "/is-over":
            self._answer_json(self.server.is_over)
        elif path.endswith("/getMe"):
            self._answer_json({"ok": True, "result": {"id": 1, "is_bot": True, "first_name": "Outside"}})
        else:
            self._answer(b"", status=404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/stop":
            self.server.is_over = True
            self._answer_json({})
        elif self.path.endswith("/sendVideo"):
            number = self.server.keep(body)
            video = {"width": 320, "height": 240, "duration": 2, "file_size": len(self.server.video)}
            files = {"file_id": f"file-{number}", "file_unique_id": f"unique-{number}"}
            chat = {"id": 1000, "type": "private"}
            message = {"message_id": number, "date": 0, "chat": chat, "video": {**video, **files}}
            self._answer_json({"ok": True, "result": message})
        else:
            self._answer_json({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)

    def _answer_json(self, told: object, *, status: int = 200) -> None:
        self._answer(json.dumps(told).encode(), kind="application/json", status=status)

    def _answer(self, body: bytes, *, kind: str = "text/plain", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
        pass


def made_video(folder: Path) -> bytes:
    """Return two seconds of a test picture as an mp4 file."""
    import imageio_ffmpeg  # type: ignore[import-untyped]  # noqa: PLC0415 - who serves another video needs none

    path = folder / "clip.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=2")
    coded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", *picture, *coded, str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


if __name__ == "__main__":
    Outside(("", PORT), made_video(Path(sys.argv[1]))).serve_forever()
