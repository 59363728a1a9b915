"""Routes of an admin: who there is, and what everybody may do."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access_shapes import UserChange, UserListView, UserRequest, UserView
from gateway.api.body import answer, read_body
from gateway.api.described import answers, takes
from gateway.api.signed_in import Admin
from gateway.auth.caller import Caller
from gateway.auth.opening import Auth
from gateway.auth.users import User
from gateway.views.moment import iso
from services.chassis.errors import ClipferryError, Reason

UserId = Annotated[str, Path(description="Name of the user.")]

_user_requests = msgspec.json.Decoder(UserRequest)
_user_changes = msgspec.json.Decoder(UserChange)


def user_router(auth: Auth) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/admin/users", tags=["users"])

    @router.get("", responses=answers(UserListView))
    async def list_users(_caller: Admin) -> Response:
        """List everybody. For admins."""
        return answer(UserListView([_view(user) for user in await auth.users.all()]))

    @router.post("", status_code=201, responses=answers(UserView, 201), openapi_extra=takes(UserRequest))
    async def add_user(_caller: Admin, request: Request) -> Response:
        """Add a user, who gets in by a pairing code or an API key. For admins."""
        body = await read_body(request, _user_requests)
        return answer(_view(await auth.users.add(body.user, body.role, body.chats)), 201)

    @router.get("/{user_id}", responses=answers(UserView))
    async def get_user(_caller: Admin, user_id: UserId) -> Response:
        """Look at a user. For admins."""
        return answer(_view(await auth.users.get(user_id)))

    @router.patch("/{user_id}", responses=answers(UserView), openapi_extra=takes(UserChange))
    async def change_user(caller: Admin, user_id: UserId, request: Request) -> Response:
        """Change a user's role or chats, or shut a user out. For admins."""
        body = await read_body(request, _user_changes)
        if body.role == "user" or body.enabled is False:
            _check_other(caller, user_id)
        changed = await auth.users.change(user_id, role=body.role, chats=body.chats, is_enabled=body.enabled)
        return answer(_view(changed))

    @router.delete("/{user_id}", status_code=204)
    async def remove_user(caller: Admin, user_id: UserId) -> None:
        """Remove a user with all keys and codes, and end the sessions. For admins.

        The jobs stay, and so the name is not given again.
        """
        _check_other(caller, user_id)
        await auth.users.remove(user_id)

    return router


def _check_other(caller: Caller, user_id: str) -> None:
    """Nobody removes himself: so there is always an admin left."""
    if user_id == caller.user_id:
        raise ClipferryError(Reason.PERMISSION_DENIED, "Nobody can do this to himself; another admin can.")


def _view(user: User) -> UserView:
    return UserView(user.id, user.role, sorted(user.chats), user.is_enabled, iso(user.created_at_ms))
