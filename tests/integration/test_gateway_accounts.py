"""Users and what they may do, keys and what they are good for, sessions and their ends."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.clock import FakeClock
from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient, assert_problem, gateway_at_hand, queue_and_gateway
from tests.fakes.gateway_stores import GATEWAY_STORES

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = {"url": "https://video.test/1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=GATEWAY_STORES)
async def admin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayClient]:
    """With a queue behind, and each store in turn; each test has users of its own."""
    folder = tmp_path_factory.mktemp("gateway")
    url = GATEWAY_STORES[request.param](folder)
    async with queue_and_gateway(folder, gateway_database_url=url, sign_ins_per_min=0) as (_, client):
        yield client


async def call(client: GatewayClient, method: str, path: str, status: int, body: Any = None) -> Any:
    response = await client.request(method, path, json=body)
    assert response.status_code == status, response.text
    return response.json() if response.content else None


async def add_key(admin: GatewayClient, **body: Any) -> Any:
    """Make a key; for another user, who is added unless there already."""
    if "user" in body:
        await admin.add_user(body["user"])
    return await call(admin, "POST", "/api/auth/keys", 201, body)


def with_key(admin: GatewayClient, key: str) -> GatewayClient:
    """Return a client that shows its API key itself."""
    return GatewayClient(admin.http, admin.port, key)


async def test_a_user_sends_only_where_allowed(admin: GatewayClient) -> None:
    """The operator's chat unless the list says otherwise; names in any spelling; a retry is sending, too."""
    ann = await admin.invite("chats.ann")
    assert (await call(admin, "GET", "/api/admin/users/chats.ann", 200))["chats"] == ["default"]
    await call(ann, "POST", "/api/jobs", 202, JOB)
    refused = await ann.request("POST", "/api/jobs", json={**JOB, "destination": -42})
    problem = assert_problem(refused, 403, "PERMISSION_DENIED")
    assert problem["detail"] == ("The user chats.ann may not send to the chat -42; ask an admin to allow it.")

    await call(admin, "PATCH", "/api/admin/users/chats.ann", 200, {"chats": ["-42", "@Channel"]})

    job = await call(ann, "POST", "/api/jobs", 202, {**JOB, "destination": "-042"})
    await call(ann, "POST", "/api/jobs", 202, {**JOB, "chatId": "@CHANNEL"})
    assert_problem(await ann.request("POST", "/api/jobs", json=JOB), 403, "PERMISSION_DENIED")
    assert_problem(await ann.request("POST", "/api/probe", json={**JOB, "destination": -7}), 403, "PERMISSION_DENIED")
    await call(ann, "DELETE", f"/api/jobs/{job['id']}", 200)
    await call(admin, "PATCH", "/api/admin/users/chats.ann", 200, {"chats": ["default"]})
    assert_problem(await ann.request("POST", f"/api/jobs/{job['id']}/retry"), 403, "PERMISSION_DENIED")
    await call(admin, "PATCH", "/api/admin/users/chats.ann", 200, {"chats": ["*"]})
    await call(ann, "POST", f"/api/jobs/{job['id']}/retry", 202)


async def test_an_admin_sends_anywhere(admin: GatewayClient) -> None:
    await call(admin, "POST", "/api/jobs", 202, {**JOB, "destination": -4711})


@pytest.mark.parametrize("chat", ["", "a b", "@x", "-", "1" * 30, "chat"])
async def test_what_is_no_chat_is_refused(admin: GatewayClient, chat: str) -> None:
    refused = await admin.request("POST", "/api/admin/users", json={"user": "nobody", "chats": [chat]})

    assert_problem(refused, 422, "FIELD_INVALID")


async def test_users_are_added_listed_changed_and_removed(admin: GatewayClient) -> None:
    made = await call(admin, "POST", "/api/admin/users", 201, {"user": "listed"})
    assert (made["user"], made["role"], made["chats"], made["enabled"]) == ("listed", "user", ["default"], True)
    assert_problem(await admin.request("POST", "/api/admin/users", json={"user": "listed"}), 422, "FIELD_INVALID")
    changed = await call(admin, "PATCH", "/api/admin/users/listed", 200, {"role": "admin", "enabled": False})
    listed = await call(admin, "GET", "/api/admin/users", 200)
    await call(admin, "DELETE", "/api/admin/users/listed", 204)

    assert changed in listed["users"]
    assert (changed["role"], changed["enabled"]) == ("admin", False)
    for method in ("GET", "PATCH", "DELETE"):
        gone = await admin.request(method, "/api/admin/users/listed", json={} if method == "PATCH" else None)
        assert_problem(gone, 404, "USER_NOT_FOUND")


@pytest.mark.parametrize("name", ["Ann", "corp:ann", "", "a/b", "a" * 65, "ä"])
async def test_a_name_that_is_none_is_refused(admin: GatewayClient, name: str) -> None:
    """Also one with a colon, as the users of other issuers have."""
    for path, body in (("/api/admin/users", {"user": name}), ("/api/auth/pair", {"user": name})):
        assert (await admin.request("POST", path, json=body)).status_code == 422


async def test_a_removed_users_name_is_not_given_again(admin: GatewayClient) -> None:
    """Whoever got it would get the jobs; by no way in."""
    first = await admin.invite("leaver")
    job = await first.submit()
    await call(admin, "DELETE", "/api/admin/users/leaver", 204)

    told = {"/api/admin/users": "user must be new; a user of that name was removed, whose jobs are kept"}
    told |= dict.fromkeys(("/api/auth/pair", "/api/auth/keys"), "user must be there")
    for path, said in told.items():
        refused = await admin.request("POST", path, json={"user": "leaver"})
        assert assert_problem(refused, 422, "FIELD_INVALID")["detail"].startswith(said)
    assert (await admin.get(f"/api/jobs/{job['id']}"))["id"] == job["id"]


async def test_codes_that_are_out_are_listed_and_taken_back(admin: GatewayClient) -> None:
    """Without the code."""
    await call(admin, "POST", "/api/admin/users", 201, {"user": "second", "role": "admin"})
    code = (await call(admin, "POST", "/api/auth/pair", 201, {"user": "second"}))["pairingCode"]
    used = (await call(admin, "POST", "/api/auth/pair", 201, {"user": "second"}))["pairingCode"]
    await admin.sign_in(pairingCode=used)

    (entry,) = [each for each in (await admin.get("/api/auth/pair"))["codes"] if each["user"] == "second"]
    assert set(entry) == {"id", "user", "createdAt", "expiresAt"}
    assert entry["createdAt"] < entry["expiresAt"]
    await call(admin, "DELETE", f"/api/auth/pair/{entry['id']}", 204)
    assert_problem(await admin.http.post("/api/auth/token", json={"pairingCode": code}), 401, "UNAUTHENTICATED")
    assert_problem(await admin.request("DELETE", f"/api/auth/pair/{entry['id']}"), 404, "CODE_NOT_FOUND")


async def test_limited_credentials_end_no_session_but_their_own(admin: GatewayClient) -> None:
    """Neither the key itself nor a session that began with it."""
    ann = await admin.invite("limited")
    made = await add_key(admin, user="limited", scopes=["jobs:write", "jobs:read"])
    (others,) = (await ann.get("/api/auth/sessions"))["sessions"]
    limited = await admin.sign_in(apiKey=made["apiKey"])

    for client in (limited, with_key(admin, made["apiKey"])):
        for path in ("/api/auth/sessions", f"/api/auth/sessions/{others['id']}"):
            refused = assert_problem(await client.request("DELETE", path), 403, "PERMISSION_DENIED")
            assert "limited to jobs:read jobs:write" in refused["detail"]
    await call(limited, "POST", "/api/auth/logout", 204)
    await call(ann, "DELETE", "/api/auth/sessions", 204)


async def test_users_are_for_admins(admin: GatewayClient) -> None:
    ann = await admin.invite("curious")
    for method, path in (
        ("GET", "/api/admin/users"),
        ("POST", "/api/admin/users"),
        ("GET", "/api/admin/users/curious"),
        ("PATCH", "/api/admin/users/curious"),
        ("DELETE", "/api/admin/users/curious"),
        ("GET", "/api/auth/keys?user=admin"),
        ("GET", "/api/auth/sessions?user=admin"),
        ("DELETE", "/api/auth/sessions?user=admin"),
    ):
        refused = assert_problem(await ann.request(method, path), 403, "PERMISSION_DENIED")
        assert "scope admin" in refused["detail"]
    for path in ("/api/auth/keys", "/api/auth/pair"):
        refused = assert_problem(await ann.request("POST", path, json={"user": "admin"}), 403, "PERMISSION_DENIED")
        assert "scope admin" in refused["detail"]


async def test_nobody_shuts_himself_out(admin: GatewayClient) -> None:
    """So there is always an admin left."""
    for method, body in (("PATCH", {"enabled": False}), ("PATCH", {"role": "user"}), ("DELETE", None)):
        assert_problem(await admin.request(method, "/api/admin/users/admin", json=body), 403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", {"enabled": False}), ("PATCH", {"role": "admin"}), ("DELETE", None)]
)
async def test_who_is_shut_out_is_out_at_once(admin: GatewayClient, method: str, body: Any) -> None:
    """Tokens, keys, refresh tokens, codes and live connections; a new role needs a new sign-in."""
    name = f"out.{method.lower()}.{len(str(body))}"
    ann = await admin.invite(name)
    key = (await add_key(admin, user=name))["apiKey"]
    code = (await call(admin, "POST", "/api/auth/pair", 201, {"user": name}))["pairingCode"]
    keyed = with_key(admin, key)
    await keyed.get("/api/jobs")
    async with ann.socket() as one, keyed.socket() as other:
        await call(admin, method, f"/api/admin/users/{name}", 204 if body is None else 200, body)

        assert (await one.closed(), await other.closed()) == (4403, 4403)
    assert_problem(await ann.request("GET", "/api/jobs"), 401, "UNAUTHENTICATED")
    refreshed = await admin.http.post("/api/auth/refresh", json={"refreshToken": ann.refresh_token})
    assert_problem(refreshed, 401, "UNAUTHENTICATED")
    is_in = body == {"role": "admin"}
    for way in ({"apiKey": key}, {"pairingCode": code}):
        assert ((await admin.http.post("/api/auth/token", json=way)).status_code == 200) == is_in
    assert ((await keyed.request("GET", "/api/jobs")).status_code == 200) == is_in


async def test_a_key_is_good_for_its_scopes_only(admin: GatewayClient) -> None:
    """Shown itself, in the tokens that come of it, and after a refresh of those."""
    key = await add_key(admin, user="panel", label="panel", scopes=["jobs:read", "stats:read"])
    signed_in = await admin.sign_in(apiKey=key["apiKey"])
    again = await admin.http.post("/api/auth/refresh", json={"refreshToken": signed_in.refresh_token})
    assert again.json()["scope"] == "jobs:read stats:read"

    for client in (with_key(admin, key["apiKey"]), signed_in, with_key(admin, again.json()["accessToken"])):
        await client.get("/api/jobs")
        await client.get("/api/memory/stats")
        refused = assert_problem(await client.request("POST", "/api/jobs", json=JOB), 403, "PERMISSION_DENIED")
        assert refused["detail"] == ("This needs the scope jobs:write; the credentials have jobs:read stats:read.")


async def test_an_admins_limited_key_is_a_users(admin: GatewayClient) -> None:
    """It sees its own jobs, not everybody's."""
    ann = await admin.invite("somebody")
    job = await call(ann, "POST", "/api/jobs", 202, JOB)
    limited = with_key(admin, (await add_key(admin, scopes=["jobs:read"]))["apiKey"])

    assert_problem(await limited.request("GET", f"/api/jobs/{job['id']}"), 404, "JOB_NOT_FOUND")
    assert_problem(await limited.request("GET", "/api/admin/users"), 403, "PERMISSION_DENIED")
    assert_problem(await limited.request("GET", "/api/queue/stats"), 403, "PERMISSION_DENIED")


async def test_a_key_has_no_more_scopes_than_its_user(admin: GatewayClient) -> None:
    await admin.add_user("small")
    refused = await admin.request("POST", "/api/auth/keys", json={"user": "small", "scopes": ["admin"]})

    assert "admin" in assert_problem(refused, 422, "FIELD_INVALID")["detail"]


async def test_a_key_without_any_scope_is_refused_and_not_one_with_all(admin: GatewayClient) -> None:
    """Left out they mean all of the role; an empty list means that somebody made a mistake."""
    await admin.add_user("none")
    empty: dict[str, Any] = {"scopes": []}
    for body in ({"user": "none", **empty}, empty):
        told = assert_problem(await admin.request("POST", "/api/auth/keys", json=body), 422, "FIELD_INVALID")
        assert "must be some of" in told["detail"]
        assert "jobs:read jobs:write stats:read" in told["detail"]
    key = with_key(admin, (await add_key(admin, user="none"))["apiKey"])
    assert set((await key.get("/api/auth/me"))["scopes"]) == {"jobs:read", "jobs:write", "stats:read"}


@pytest.mark.parametrize("path", ["/api/auth/keys", "/api/auth/pair"])
async def test_a_name_that_nobody_has_makes_no_user(admin: GatewayClient, path: str) -> None:
    """It is a slip of the pen, and the answer says how a user is added."""
    refused = await admin.request("POST", path, json={"user": "amn"})

    told = assert_problem(refused, 422, "FIELD_INVALID")["detail"]
    assert "'amn'" in told
    assert "POST /api/admin/users" in told
    assert "clipferry users add" in told
    assert "amn" not in {user["user"] for user in (await admin.get("/api/admin/users"))["users"]}


async def test_keys_are_listed_without_the_keys(admin: GatewayClient) -> None:
    made = await add_key(admin, user="lister", label="mine", expiresInS=3600)
    await admin.sign_in(apiKey=made["apiKey"])

    listed = await admin.request("GET", "/api/auth/keys?user=lister")

    (entry,) = listed.json()["keys"]
    assert made["apiKey"] not in listed.text
    assert (entry["id"], entry["label"], entry["expiresAt"]) == (made["id"], "mine", made["expiresAt"])
    assert entry["usedAt"] is not None


async def test_a_removed_key_takes_its_live_connections_along(admin: GatewayClient) -> None:
    made = await add_key(admin, user="remover")
    shown, signed_in = with_key(admin, made["apiKey"]), await admin.sign_in(apiKey=made["apiKey"])
    async with shown.socket() as one, signed_in.socket() as other:
        await call(admin, "DELETE", f"/api/auth/keys/{made['id']}", 204)
        assert (await one.closed(), await other.closed()) == (4403, 4403)
    for client in (shown, signed_in):
        assert_problem(await client.request("GET", "/api/jobs"), 401, "UNAUTHENTICATED")
    assert_problem(await admin.request("DELETE", f"/api/auth/keys/{made['id']}"), 404, "KEY_NOT_FOUND")


async def test_sessions_are_seen_and_ended(admin: GatewayClient) -> None:
    """One's own only; the others' are not there."""
    phone, tablet, bob = [await admin.invite(name) for name in ("seer", "seer", "other")]
    mine = (await phone.get("/api/auth/sessions"))["sessions"]
    (his,) = (await bob.get("/api/auth/sessions"))["sessions"]
    assert [session["current"] for session in mine].count(True) == 1
    assert {session["client"] for session in mine} == {admin.http.headers["user-agent"]}
    (others,) = [session["id"] for session in mine if not session["current"]]

    assert_problem(await phone.request("DELETE", f"/api/auth/sessions/{his['id']}"), 404, "SESSION_NOT_FOUND")
    await call(phone, "DELETE", f"/api/auth/sessions/{others}", 204)

    assert_problem(await tablet.request("GET", "/api/jobs"), 401, "UNAUTHENTICATED")
    assert len((await phone.get("/api/auth/sessions"))["sessions"]) == 1
    assert len((await admin.get("/api/auth/sessions?user=seer"))["sessions"]) == 1
    await call(admin, "DELETE", f"/api/auth/sessions/{his['id']}", 204)
    assert_problem(await bob.request("GET", "/api/jobs"), 401, "UNAUTHENTICATED")


async def test_signing_out_everywhere(admin: GatewayClient) -> None:
    clients = [await admin.invite("everywhere") for _ in range(3)]
    async with clients[1].socket() as socket:
        await call(clients[0], "DELETE", "/api/auth/sessions", 204)
        assert await socket.closed() == 4403
    for client in clients:
        assert_problem(await client.request("GET", "/api/jobs"), 401, "UNAUTHENTICATED")


async def test_a_limited_key_ends_nothing_but_its_own_session(admin: GatewayClient) -> None:
    key = await add_key(admin, user="limited", scopes=["jobs:read"])
    other, limited = await admin.invite("limited"), await admin.sign_in(apiKey=key["apiKey"])
    assert_problem(await limited.request("DELETE", "/api/auth/sessions"), 403, "PERMISSION_DENIED")
    await call(limited, "POST", "/api/auth/logout", 204)

    await other.get("/api/jobs")
    shown = with_key(admin, key["apiKey"])
    assert_problem(await shown.request("POST", "/api/auth/logout"), 422, "FIELD_INVALID")


async def test_a_made_up_refresh_token_ends_nothing(admin: GatewayClient) -> None:
    """The id of a session is no secret: with it alone nobody can send its user away."""
    ann = await admin.invite("target")
    session_id, family, _ = ann.refresh_token.split(".")
    for guess in (f"{session_id}.x", f"{session_id}.{family[::-1]}.x", f"{session_id}..", session_id):
        refused = await admin.http.post("/api/auth/refresh", json={"refreshToken": guess})
        assert_problem(refused, 401, "UNAUTHENTICATED")

    await ann.get("/api/jobs")


async def test_two_who_refresh_at_once_get_the_same(admin: GatewayClient) -> None:
    """Such as two tabs with one token: whichever answer is kept, it is the right one."""
    ann = await admin.invite("twins")
    answers = [
        (await admin.http.post("/api/auth/refresh", json={"refreshToken": ann.refresh_token})).json() for _ in range(2)
    ]

    assert answers[0]["refreshToken"] == answers[1]["refreshToken"]
    third = await admin.http.post("/api/auth/refresh", json={"refreshToken": answers[0]["refreshToken"]})
    assert third.status_code == 200


async def test_a_thief_and_an_owner_do_not_both_go_on(tmp_path: Path) -> None:
    """Both have the same refresh token. Whoever uses the answer that has become void ends the session for both."""
    clock = FakeClock()
    async with gateway_at_hand(tmp_path, clock=clock) as admin:

        async def refresh(token: str) -> Any:
            return await admin.http.post("/api/auth/refresh", json={"refreshToken": token})

        stolen = (await refresh(admin.refresh_token)).json()["refreshToken"]
        clock.advance(60)
        owned = (await refresh(admin.refresh_token)).json()["refreshToken"]
        assert owned != stolen

        assert_problem(await refresh(stolen), 401, "UNAUTHENTICATED")
        assert_problem(await refresh(owned), 401, "UNAUTHENTICATED")


async def test_tries_are_limited_by_address_and_for_codes_in_all(tmp_path: Path) -> None:
    """Whether good or bad: it is not said which. Time heals."""
    clock = FakeClock()
    async with gateway_at_hand(
        tmp_path, clock=clock, sign_ins_per_min=4, pairings_per_min=2, refreshes_per_min=2
    ) as admin:
        codes = [await admin.http.post("/api/auth/token", json={"pairingCode": "x" * 10}) for _ in range(3)]
        keys = [await admin.http.post("/api/auth/token", json={"apiKey": ADMIN_KEY}) for _ in range(2)]
        tokens = [await admin.http.post("/api/auth/refresh", json={"refreshToken": "a.b"}) for _ in range(3)]

        assert [answer.status_code for answer in codes] == [401, 401, 429]
        assert [answer.status_code for answer in keys] == [429, 429]
        assert [answer.status_code for answer in tokens] == [401, 401, 429]
        assert assert_problem(codes[-1], 429, "TOO_MANY_REQUESTS")
        assert int(codes[-1].headers["retry-after"]) in range(1, 61)
        clock.advance(60)
        assert (await admin.http.post("/api/auth/token", json={"apiKey": ADMIN_KEY})).status_code == 200


async def test_a_key_ends_on_time(tmp_path: Path) -> None:
    """Shown itself and for signing in; a session lasts as long as it may, and not a second longer."""
    clock = FakeClock()
    async with gateway_at_hand(tmp_path, clock=clock, refresh_token_ttl_s=90, access_token_ttl_s=60) as admin:
        made = await add_key(admin, user="short", expiresInS=30)
        shown, signed_in = with_key(admin, made["apiKey"]), await admin.sign_in(apiKey=made["apiKey"])
        await shown.get("/api/auth/sessions")
        clock.advance(31)
        assert_problem(await shown.request("GET", "/api/auth/sessions"), 401, "TOKEN_EXPIRED")
        assert_problem(
            await admin.http.post("/api/auth/token", json={"apiKey": made["apiKey"]}), 401, "UNAUTHENTICATED"
        )
        clock.advance(29)
        late = (await admin.http.post("/api/auth/refresh", json={"refreshToken": signed_in.refresh_token})).json()
        assert late["expiresIn"] == 30
        clock.advance(31)
        over = await admin.http.post("/api/auth/refresh", json={"refreshToken": late["refreshToken"]})
        assert_problem(over, 401, "UNAUTHENTICATED")
