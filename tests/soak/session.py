"""A sign-in that is kept alive by its refresh token, as an extension keeps it."""

import time

import httpx

_SIGN_IN_AGAIN_S = 40.0
"""Well before a session of `REFRESH_TOKEN_TTL_S` ends."""


class Session:
    """Whoever wants an access token gets a fresh one.

    Args:
        http: With the address of the gateway.
        api_key: For each new session.
    """

    def __init__(self, http: httpx.AsyncClient, api_key: str) -> None:
        self._http = http
        self._api_key = api_key
        self._refresh_token = ""
        self._began_at_s = 0.0
        self.sign_in_count = 0
        """Sessions so far."""
        self.refresh_count = 0
        """Tokens that came by a refresh."""

    async def token(self) -> str:
        """Return a new access token."""
        if not self._refresh_token or time.monotonic() - self._began_at_s > _SIGN_IN_AGAIN_S:
            self._began_at_s = time.monotonic()
            self.sign_in_count += 1
            return await self._tokens("/api/auth/token", apiKey=self._api_key)
        self.refresh_count += 1
        return await self._tokens("/api/auth/refresh", refreshToken=self._refresh_token)

    async def _tokens(self, path: str, **way: str) -> str:
        answer = (await self._http.post(path, json=way)).raise_for_status().json()
        self._refresh_token = answer["refreshToken"]
        return str(answer["accessToken"])
