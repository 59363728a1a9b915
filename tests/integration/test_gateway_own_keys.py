"""What users make for themselves: keys and codes, their own only, for no more than they came with."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.clock import FakeClock
from tests.fakes.gateway_client import GatewayClient, assert_problem, gateway_at_hand
from tests.fakes.gateway_stores import GATEWAY_STORES

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS, CODES, USERS = "/api/auth/keys", "/api/auth/pair", "/api/admin/users"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=sorted(GATEWAY_STORES))
async def admin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayClient]:
    folder = tmp_path_factory.mktemp("gateway")
    url = GATEWAY_STORES[request.param](folder)
    async with gateway_at_hand(folder, gateway_database_url=url, sign_ins_per_min=0) as client:
        yield client


async def call(client: GatewayClient, method: str, path: str, status: int, **body: Any) -> Any:
    response = await client.request(method, path, json=body if method == "POST" else None)
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def with_key(client: GatewayClient, key: str) -> GatewayClient:
    """Return a client that shows an API key itself."""
    return GatewayClient(client.http, client.port, key)


async def is_in(client: GatewayClient) -> bool:
    return (await client.request("GET", "/api/auth/me")).status_code == 200


async def test_a_user_makes_lists_and_removes_keys(admin: GatewayClient) -> None:
    ann = await admin.invite("maker")
    made = await call(ann, "POST", KEYS, 201, label="script", scopes=["jobs:read"])
    assert made["user"] == "maker"
    script = with_key(ann, made["apiKey"])
    assert (await script.get("/api/auth/me")) == {"user": "maker", "scopes": ["jobs:read"], "chats": ["default"]}

    assert [key["id"] for key in (await ann.get(KEYS))["keys"]] == [made["id"]]
    assert [key["id"] for key in (await ann.get(f"{KEYS}?user=maker"))["keys"]] == [made["id"]]
    await call(ann, "DELETE", f"{KEYS}/{made['id']}", 204)
    assert not await is_in(script)
    assert (await ann.get(KEYS))["keys"] == []


@pytest.mark.parametrize("path", [KEYS, "/api/auth/sessions"])
async def test_a_name_that_is_too_long_to_be_one_is_refused(admin: GatewayClient, path: str) -> None:
    assert (await admin.request("GET", f"{path}?user={'a' * 128}")).status_code == 200
    assert_problem(await admin.request("GET", f"{path}?user={'a' * 129}"), 422, "FIELD_INVALID")


async def test_a_user_lets_himself_in_on_another_device(admin: GatewayClient) -> None:
    ann = await admin.invite("mover")
    code = (await call(ann, "POST", CODES, 201))["pairingCode"]
    phone = await admin.sign_in(pairingCode=code)
    assert (await phone.get("/api/auth/me"))["user"] == "mover"

    await call(ann, "POST", CODES, 201, user="mover")
    (entry,) = (await ann.get(CODES))["codes"]
    await call(ann, "DELETE", f"{CODES}/{entry['id']}", 204)
    assert (await ann.get(CODES))["codes"] == []


async def test_nobody_sees_or_takes_back_what_is_somebody_elses(admin: GatewayClient) -> None:
    """What one may not see is not there; an admin sees all of it."""
    ann, bob = await admin.invite("owner"), await admin.invite("thief")
    key = await call(ann, "POST", KEYS, 201)
    await call(ann, "POST", CODES, 201)
    (code,) = (await ann.get(CODES))["codes"]

    assert (await bob.get(KEYS))["keys"] == (await bob.get(CODES))["codes"] == []
    assert_problem(await bob.request("DELETE", f"{KEYS}/{key['id']}"), 404, "KEY_NOT_FOUND")
    assert_problem(await bob.request("DELETE", f"{CODES}/{code['id']}"), 404, "CODE_NOT_FOUND")
    for method, path, body in (
        ("POST", KEYS, {"user": "owner"}),
        ("POST", KEYS, {"user": "nobody.there"}),
        ("POST", CODES, {"user": "owner"}),
        ("GET", f"{KEYS}?user=owner", None),
    ):
        assert_problem(await bob.request(method, path, json=body), 403, "PERMISSION_DENIED")
    assert await is_in(with_key(ann, key["apiKey"]))
    assert key["id"] in {each["id"] for each in (await admin.get(KEYS))["keys"]}
    assert code["id"] in {each["id"] for each in (await admin.get(CODES))["codes"]}


async def test_a_users_key_has_no_more_than_the_role(admin: GatewayClient) -> None:
    ann = await admin.invite("climber")
    refused = assert_problem(await ann.request("POST", KEYS, json={"scopes": ["admin"]}), 422, "FIELD_INVALID")
    assert "jobs:read jobs:write stats:read" in refused["detail"]

    whole = with_key(ann, (await call(ann, "POST", KEYS, 201))["apiKey"])
    assert_problem(await whole.request("GET", USERS), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize("name", ["admin", "limited"])
@pytest.mark.parametrize("is_session", [True, False])
async def test_what_is_limited_makes_nothing_wider(admin: GatewayClient, name: str, is_session: bool) -> None:
    """Neither by the scopes it asks for, nor by asking for none, nor by way of a code; an admin's neither."""
    user = await admin.invite(name) if name == "limited" else admin
    given = await call(user, "POST", KEYS, 201, scopes=["jobs:read", "stats:read"])
    limited = with_key(user, given["apiKey"])
    if is_session:
        limited = await admin.sign_in(apiKey=given["apiKey"])

    for scopes in (["jobs:write"], ["jobs:read", "jobs:write"], ["admin"]):
        assert_problem(await limited.request("POST", KEYS, json={"scopes": scopes}), 422, "FIELD_INVALID")
    unsaid, narrower = (
        await call(limited, "POST", KEYS, 201),
        await call(limited, "POST", KEYS, 201, scopes=["jobs:read"]),
    )
    assert (unsaid["scopes"], narrower["scopes"]) == (["jobs:read", "stats:read"], ["jobs:read"])
    refused = assert_problem(await limited.request("POST", CODES, json={}), 403, "PERMISSION_DENIED")
    assert "limited to jobs:read stats:read" in refused["detail"]


async def test_what_is_limited_removes_itself_and_no_other(admin: GatewayClient) -> None:
    ann = await admin.invite("quitter")
    whole, given = await call(ann, "POST", KEYS, 201), await call(ann, "POST", KEYS, 201, scopes=["jobs:read"])
    limited = with_key(ann, given["apiKey"])
    await call(ann, "POST", CODES, 201)
    (code,) = (await ann.get(CODES))["codes"]

    for path in (f"{KEYS}/{whole['id']}", f"{CODES}/{code['id']}"):
        assert_problem(await limited.request("DELETE", path), 403, "PERMISSION_DENIED")
    await call(limited, "DELETE", f"{KEYS}/{given['id']}", 204)
    assert not await is_in(limited)
    assert await is_in(with_key(ann, whole["apiKey"]))


async def test_with_a_key_ends_all_that_was_made_with_it(admin: GatewayClient) -> None:
    """A key that was stolen is not outlived by what the thief made: keys of keys, codes, and sign-ins of both."""
    ann = await admin.invite("robbed")
    kept, stolen = await call(ann, "POST", KEYS, 201), await call(ann, "POST", KEYS, 201)
    thief = await admin.sign_in(apiKey=stolen["apiKey"])
    child = with_key(ann, (await call(thief, "POST", KEYS, 201))["apiKey"])
    grandchild = with_key(ann, (await call(child, "POST", KEYS, 201))["apiKey"])
    used, unused = [(await call(thief, "POST", CODES, 201))["pairingCode"] for _ in range(2)]
    paired = await admin.sign_in(pairingCode=used)
    of_paired = with_key(ann, (await call(paired, "POST", KEYS, 201))["apiKey"])
    inside = [thief, child, grandchild, paired, of_paired]
    assert [await is_in(each) for each in inside] == [True] * 5

    await call(ann, "DELETE", f"{KEYS}/{stolen['id']}", 204)

    assert [await is_in(each) for each in inside] == [False] * 5
    assert_problem(await admin.http.post("/api/auth/token", json={"pairingCode": unused}), 401, "UNAUTHENTICATED")
    assert [await is_in(each) for each in (ann, with_key(ann, kept["apiKey"]))] == [True, True]
    assert [key["id"] for key in (await ann.get(KEYS))["keys"]] == [kept["id"]]


async def test_what_the_operators_own_key_makes_outlives_it(tmp_path: Path) -> None:
    """It may be another one at each start."""
    async with gateway_at_hand(tmp_path) as admin:
        made = await call(admin, "POST", KEYS, 201)
        phone = await admin.sign_in(pairingCode=(await call(admin, "POST", CODES, 201))["pairingCode"])
    async with gateway_at_hand(tmp_path) as again:
        await call(again, "DELETE", f"{KEYS}/bootstrap", 204)
        clients = [with_key(again, made["apiKey"]), GatewayClient(again.http, again.port, phone.token)]
        assert [await is_in(each) for each in clients] == [True, True]


async def test_a_key_is_not_good_for_longer_than_the_one_it_was_made_with(tmp_path: Path) -> None:
    clock = FakeClock()
    async with gateway_at_hand(tmp_path, clock=clock) as admin:
        short = await call(admin, "POST", KEYS, 201, expiresInS=60)
        by_it = with_key(admin, short["apiKey"])
        child = await call(by_it, "POST", KEYS, 201)
        longer = assert_problem(await by_it.request("POST", KEYS, json={"expiresInS": 3_600}), 422, "FIELD_INVALID")

        assert child["expiresAt"] == short["expiresAt"]
        assert "at most 60" in longer["detail"]
        clock.advance(61)
        assert not await is_in(with_key(admin, child["apiKey"]))
