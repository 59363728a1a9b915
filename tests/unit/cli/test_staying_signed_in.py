"""Sign-ins that last, at a real gateway."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.credentials import Kept, OwnKey, sign_in
from cli.exits import DENIED, CommandError
from cli.gateway import Gateway
from cli.http import Http
from cli.login_file import Login, LoginFile
from cli.target import Target
from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient, queue_and_gateway


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[GatewayClient]:
    async with queue_and_gateway(tmp_path) as (_, client):
        yield client


@pytest.fixture
async def file(tmp_path: Path, admin: GatewayClient) -> LoginFile:
    """A sign-in whose access token is about to end."""
    file = LoginFile(tmp_path / "config" / "clipferry")

    def signed_in() -> Login:
        with Http(url_of(admin)) as http:
            return sign_in(http, {"apiKey": ADMIN_KEY})

    opened = await asyncio.to_thread(signed_in)
    with file.locked():
        file.write(replace(opened, expires_at_s=0.0))
    return file


def url_of(admin: GatewayClient) -> str:
    return f"http://127.0.0.1:{admin.port}"


async def session_count(admin: GatewayClient) -> int:
    return len((await admin.get("/api/auth/sessions"))["sessions"])


def list_jobs(admin: GatewayClient, file: LoginFile) -> str:
    """Ask for something and return the token that was shown."""
    with Gateway(Target(url_of(admin), Kept(file), {})) as gateway:
        gateway.get("/api/jobs")
        return gateway.token()


async def test_only_its_user_can_read_the_file(file: LoginFile) -> None:
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert ADMIN_KEY not in file.path.read_text()


async def test_commands_at_the_same_time_refresh_once(admin: GatewayClient, file: LoginFile) -> None:
    """One gets new tokens, the others take them: a second refresh with the old one could end the session."""
    before = file.read()

    shown = await asyncio.gather(*(asyncio.to_thread(list_jobs, admin, file) for _ in range(5)))

    kept = file.read()
    assert kept is not None
    assert before is not None
    assert set(shown) == {kept.access_token}
    assert kept.refresh_token != before.refresh_token


async def test_a_token_that_the_gateway_refuses_is_refreshed(admin: GatewayClient, file: LoginFile) -> None:
    """Also if this machine's clock says that it is still good."""
    kept = file.read()
    assert kept is not None
    with file.locked():
        file.write(replace(kept, access_token="not.a.token", expires_at_s=1e12))

    assert await asyncio.to_thread(list_jobs, admin, file) != "not.a.token"


async def test_a_session_that_was_ended_is_forgotten(admin: GatewayClient, file: LoginFile) -> None:
    assert (await admin.request("DELETE", "/api/auth/sessions")).status_code == 204

    with pytest.raises(CommandError, match="clipferry login") as refused:
        await asyncio.to_thread(list_jobs, admin, file)

    assert refused.value.status == DENIED
    assert file.read() is None


async def test_an_operators_own_key_leaves_no_session_behind(admin: GatewayClient) -> None:
    """It cannot be shown as it is; a script that is called each minute must not fill the list of sessions."""
    before = await session_count(admin)

    def asked() -> None:
        with Gateway(Target(url_of(admin), OwnKey(ADMIN_KEY), {})) as gateway:
            gateway.get("/api/jobs")

    await asyncio.to_thread(asked)

    assert await session_count(admin) == before
