"""yt-dlp makes requests in one way, whatever else is installed: no library that impersonates browsers is ever used."""

import subprocess
import sys

IMPORTABLE = """
import sys, types
fake = types.ModuleType("curl_cffi")
fake.__version__ = "0.10.0"
fake.requests = types.ModuleType("curl_cffi.requests")
fake.const = types.ModuleType("curl_cffi.const")
fake.const.CurlECode = fake.const.CurlOpt = fake.requests.BrowserType = types.SimpleNamespace
sys.modules |= {"curl_cffi": fake, "curl_cffi.requests": fake.requests, "curl_cffi.const": fake.const}
from yt_dlp import YoutubeDL
def keys():
    with YoutubeDL({"quiet": True, "cachedir": False}) as ydl:
        return sorted(ydl._request_director.handlers), bool(ydl._get_available_impersonate_targets())
"""


def test_what_can_be_imported_is_not_used() -> None:
    """curl_cffi is there, and yt-dlp would use it; once the forkserver is warm there is no such handler."""
    code = (
        IMPORTABLE
        + """
with_curl, _ = keys()
assert {"CurlCFFI", "Urllib"} <= set(with_curl), with_curl
from services.processor.adapters.child import warm
warm()
print(keys())
"""
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.stdout == "(['Urllib'], False)\n", done.stderr
