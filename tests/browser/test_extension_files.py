"""What the extension consists of, before any browser runs it."""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from gateway.config import EXTENSION_ID, GatewaySettings
from tests.browser.extension_browser import EXTENSION
from tests.browser.node_tools import node_tools

MANIFEST = json.loads((EXTENSION / "manifest.json").read_text())


def test_the_gateway_lets_this_extension_in_by_default() -> None:
    """Chromium makes an id of the first 16 bytes of the key's SHA-256, with a to p for 0 to f."""
    digest = hashlib.sha256(base64.b64decode(MANIFEST["key"])).hexdigest()
    made = "".join(chr(ord("a") + int(letter, 16)) for letter in digest[:32])

    assert made == EXTENSION_ID
    assert f"chrome-extension://{EXTENSION_ID}" in GatewaySettings().allowed_origin_set


def test_it_asks_for_little_and_runs_only_its_own_scripts() -> None:
    rules = MANIFEST["content_security_policy"]["extension_pages"]
    sources = {path: path.read_text() for path in EXTENSION.rglob("*.js")}

    assert "host_permissions" not in MANIFEST
    assert "content_scripts" not in MANIFEST
    assert sorted(MANIFEST["permissions"]) == [
        "activeTab", "alarms", "contextMenus", "notifications", "scripting", "storage", "webRequest",
    ]  # fmt: skip
    assert "default-src 'none'; script-src 'self'" in rules
    assert "unsafe" not in rules
    for path, source in sources.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function", source), path
    for page in EXTENSION.rglob("*.html"):
        assert not re.search(r"<script(?! type=\"module\" src=)|\son\w+=|\sstyle=|https?://", page.read_text()), page


def test_linter_of_extensions_finds_no_error() -> None:
    tool = node_tools() / ".bin" / "web-ext"
    report = _linted(tool)

    assert report["summary"]["errors"] == 0, report["errors"]
    # Firefox takes `scripts` where Chromium takes `service_worker`; both stand in the manifest.
    assert {warning["code"] for warning in report["warnings"]} <= {"BACKGROUND_SERVICE_WORKER_IGNORED"}


def _linted(tool: Path) -> dict[str, Any]:
    command = [str(tool), "lint", "--source-dir", str(EXTENSION), "--output", "json", "--no-config-discovery"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
