"""Other issuers of tokens: which ones are believed, and what of their claims is read."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_USER = re.compile(r"[!-~]{1,96}")

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Asymmetric ones only: what verifies must not be able to sign."""


class ExternalIssuer(BaseModel):
    """One other issuer."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    name: str = Field(pattern="^[a-z][a-z0-9-]{0,29}$")
    """What its users' names begin with, before a colon."""
    issuer: str = Field(min_length=1, max_length=512)
    """Exactly what its tokens have in `iss`."""
    audience: str = Field(min_length=1, max_length=512)
    """Exactly what its tokens for this gateway have in `aud`."""
    jwks_url: str = Field(max_length=2048)
    """Where its public keys are: https, or http on this machine."""
    typ: str = Field("at+jwt", min_length=1, max_length=64)
    """What its access tokens have in the header `typ`."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")
    """What it may sign with."""
    user_claim: str = Field("sub", min_length=1, max_length=128)
    """The claim that names the user."""
    admin_claim: str = Field("", max_length=128)
    """The claim that says who is an admin: a text with blanks between, or a list. Empty: nobody is."""
    admin_value: str = Field("", max_length=128)
    """What it holds then."""

    @field_validator("issuer")
    @classmethod
    def _is_not_ours(cls, value: str) -> str:
        if "://" not in value:
            raise ValueError(f"{value!r} is not a URL, as an issuer is")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError(f"{value!r} must begin with https://")
        return value

    def user_id(self, claims: dict[str, object]) -> str | None:
        """Return the name of the user of a token; None when it cannot be one."""
        named = claims.get(self.user_claim)
        return f"{self.name}:{named}" if isinstance(named, str) and _USER.fullmatch(named) else None

    def role(self, claims: dict[str, object]) -> str:
        """Return the role of the user of a token."""
        said = claims.get(self.admin_claim) if self.admin_claim and self.admin_value else None
        values = said.split() if isinstance(said, str) else said
        return "admin" if isinstance(values, list) and self.admin_value in values else "user"
