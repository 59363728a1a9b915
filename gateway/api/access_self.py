"""A route for everybody who is signed in: who one is."""

from fastapi import APIRouter
from starlette.responses import Response

from gateway.api.access_shapes import SelfView
from gateway.api.body import answer
from gateway.api.described import answers
from gateway.api.signed_in import SignedIn
from gateway.auth.chats import ANY


def self_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/auth", tags=["auth"])

    @router.get("/me", responses=answers(SelfView))
    async def me(caller: SignedIn) -> Response:
        """Who the credentials belong to, and to which chats that user may send."""
        chats = [ANY] if caller.is_admin else sorted(caller.chats)
        return answer(SelfView(caller.user_id, sorted(caller.scopes), chats))

    return router
