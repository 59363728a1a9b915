"""Routes to sign in, stay signed in, and let others in."""

from fastapi import APIRouter

from gateway.api.access_keys import invitation_router
from gateway.api.access_self import self_router
from gateway.api.access_sessions import session_router
from gateway.api.access_users import user_router
from gateway.auth.opening import Auth


def access_router(auth: Auth) -> APIRouter:
    """Return the routes under /api/auth and /api/admin."""
    router = APIRouter()
    router.include_router(self_router())
    router.include_router(session_router(auth))
    router.include_router(invitation_router(auth))
    router.include_router(user_router(auth))
    return router
