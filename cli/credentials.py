"""What the command shows a gateway, and how it stays signed in."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from cli.exits import CommandError, not_signed_in
from cli.http import Http
from cli.login_file import Login, LoginFile

KEY_PREFIX = "cf_"
"""Of API keys that the gateway has made: they are Bearer tokens as they are."""
_EARLY_S = 30.0
"""How long before its end an access token is replaced."""
LEAVING_S = 2.0
"""How long the end of a session may take: nobody waits for it, and it would end by itself."""


class Credentials(Protocol):
    """What a request shows."""

    def token(self, http: Http, *, refused: str = "") -> str:
        """Return a Bearer token.

        Args:
            http: Where it is asked for.
            refused: One that the gateway did not accept.

        Raises:
            CommandError: UNAUTHENTICATED when there is none to be had.
        """

    def close(self, http: Http) -> None:
        """Leave nothing behind."""


class Fixed:
    """A token, or an API key that is one. Empty: nothing was given."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def token(self, http: Http, *, refused: str = "") -> str:
        if not self._shown:
            # Whether anything is there to sign in at comes first.
            http.health()
            raise not_signed_in(f"Nobody is signed in at {http.url}: use `clipferry login`, or set CLIPFERRY_API_KEY.")
        if refused:
            raise not_signed_in(f"{http.url} does not accept the token or API key that was given.")
        return self._shown

    def close(self, http: Http) -> None:
        pass


class OwnKey:
    """An API key that an operator has chosen: it opens a session, which ends with the command."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key
        self._login: Login | None = None

    def token(self, http: Http, *, refused: str = "") -> str:
        if self._login is None or not _is_good(self._login, refused):
            self.close(http)
            self._login = sign_in(http, {"apiKey": self._api_key})
        return self._login.access_token

    def close(self, http: Http) -> None:
        if self._login is not None:
            with suppress(CommandError):
                headers = bearer(self._login.access_token)
                http.send("POST", "/api/auth/logout", headers=headers, repeats=False, answer_s=LEAVING_S)


class Kept:
    """What `clipferry login` has left. Refreshed by one command at a time; the others take what it got."""

    def __init__(self, file: LoginFile) -> None:
        self._file = file

    def token(self, http: Http, *, refused: str = "") -> str:
        login = self._file.read()
        if login is None:
            raise not_signed_in("The sign-in is gone; use `clipferry login`.")
        if _is_good(login, refused):
            return login.access_token
        with self._file.locked():
            # Another command may have been here first.
            login = self._file.read() or login
            if not _is_good(login, refused):
                login = self._refreshed(http, login)
        return login.access_token

    def _refreshed(self, http: Http, login: Login) -> Login:
        answer = http.send("POST", "/api/auth/refresh", body={"refreshToken": login.refresh_token})
        if answer.status == 401:
            self._file.remove()
            raise not_signed_in(f"The sign-in of {login.user!r} at {login.url} is over; use `clipferry login`.")
        if not answer.is_success:
            raise answer.error()
        fresh = login_of(http.url, answer.body)
        self._file.write(fresh)
        return fresh

    def close(self, http: Http) -> None:
        pass


def _is_good(login: Login, refused: str) -> bool:
    return login.access_token != refused and login.expires_at_s - time.time() > _EARLY_S


def sign_in(http: Http, way: Mapping[str, str]) -> Login:
    """Open a session with an API key or a pairing code.

    Args:
        way: `apiKey` or `pairingCode`.

    Raises:
        CommandError: When it is not accepted.
    """
    # A code works once: if the answer is lost, so is the code.
    answer = http.send("POST", "/api/auth/token", body=way, repeats="apiKey" in way)
    if not answer.is_success:
        raise answer.error()
    return login_of(http.url, answer.body)


def login_of(url: str, tokens: Mapping[str, Any]) -> Login:
    """Return the tokens of an answer."""
    return Login(
        url=url,
        user=tokens["user"],
        access_token=tokens["accessToken"],
        refresh_token=tokens["refreshToken"],
        expires_at_s=time.time() + tokens["expiresIn"],
    )


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}
