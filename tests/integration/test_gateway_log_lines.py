"""What a gateway writes down: who came in, and never what lets somebody in."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient

COOKIE, IN_QUERY, MADE_UP = "cookie-of-somebody-1234567", "query-of-somebody-1234567", "made-up-by-somebody-1234567"
SIGNING_KEY = "signing-key-of-the-test-0123456789abcdef"


@asynccontextmanager
async def gateway_process(folder: Path) -> AsyncIterator[tuple[int, list[str]]]:
    """Run a gateway that tells all there is to tell; yields its port, and the lines it has written once it is over."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env={
            "PATH": os.environ["PATH"],
            "LOG_LEVEL": "DEBUG",
            "PORT": "0",
            "ADMIN_API_KEY": ADMIN_KEY,
            "JWT_SIGNING_KEY": SIGNING_KEY,
            "GATEWAY_DATABASE_URL": f"sqlite:///{folder / 'gateway.db'}",
            "QUEUE_TARGET": "127.0.0.1:1",
            "DRAIN_S": "1",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        while "gateway_listening" not in (line := (await process.stdout.readline()).decode()):
            lines.append(line)
            assert line, "".join(lines)
        yield json.loads(line)["port"], lines
    finally:
        process.terminate()
        rest, _ = await process.communicate()
        lines += rest.decode().splitlines()


async def test_no_line_holds_what_lets_somebody_in(tmp_path: Path) -> None:
    """At the finest level, over every way in, right and wrong, and for requests that are no HTTP."""
    async with gateway_process(tmp_path) as (port, lines):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", cookies={"session": COOKIE}) as http:
            admin = await GatewayClient(http, port).sign_in(apiKey=ADMIN_KEY)
            await admin.add_user("ann")
            made = (await admin.request("POST", "/api/auth/keys", json={"user": "ann"})).json()
            code = (await admin.request("POST", "/api/auth/pair", json={"user": "ann"})).json()["pairingCode"]
            ann = await admin.sign_in(pairingCode=code)
            secrets = [ADMIN_KEY, SIGNING_KEY, COOKIE, IN_QUERY, MADE_UP, made["apiKey"], code]
            secrets += [admin.token, ann.token, admin.refresh_token.rpartition(".")[2]]
            await GatewayClient(http, port, made["apiKey"]).request("GET", f"/api/jobs?token={IN_QUERY}")
            for _ in range(3):
                refreshed = await http.post("/api/auth/refresh", json={"refreshToken": ann.refresh_token})
                secrets.append(refreshed.json()["refreshToken"].rpartition(".")[2])
            for way in ({"apiKey": MADE_UP}, {"pairingCode": MADE_UP}, {"refreshToken": MADE_UP}):
                await http.post("/api/auth/token", json=way)
                await http.post("/api/auth/refresh", json=way)
            await GatewayClient(http, port, MADE_UP).request("GET", f"/nothing/here?token={IN_QUERY}")
            async with ann.socket("jobs") as socket:
                await socket.say(type="token:refresh", token=MADE_UP)
                await socket.closed()
            with suppress(InvalidStatus):
                async with connect(f"ws://127.0.0.1:{port}/ws?token={IN_QUERY}", proxy=None):
                    pass
            with suppress(InvalidStatus):
                async with connect(f"ws://127.0.0.1:{port}/nothing?token={IN_QUERY}", proxy=None):
                    pass
            headers = {"Authorization": f"Bearer {MADE_UP}", "Cookie": f"session={COOKIE}"}
            async with admin.socket(hello=False, additional_headers=headers) as socket:
                await socket.closed()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /?token={IN_QUERY} HTTP/9.9\r\nAuthorization: {MADE_UP}\r\n\x00\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    text = "".join(lines)
    assert "signed_in" in text
    assert [secret for secret in secrets if secret in text] == []
