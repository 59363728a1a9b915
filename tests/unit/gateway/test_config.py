"""Settings of the gateway: bounds, and every mistake in one report."""

import json
from typing import Any

import pytest

from gateway.config import EXTENSION_ID, GatewaySettings
from services.chassis.settings import SettingsError, load


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "HOST", "ADMIN_API_KEY", "WEBSOCKET_PING_INTERVAL"):
        monkeypatch.delenv(name, raising=False)
    settings = load(GatewaySettings)

    assert (settings.port, settings.websocket_enabled, settings.websocket_ping_interval) == (3000, True, 25_000)
    assert settings.store_url == "sqlite:///var/gateway.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBSOCKET_PING_INTERVAL", "25001"),
        ("WEBSOCKET_PING_INTERVAL", "99"),
        ("PORT", "65536"),
        ("GATEWAY_DATABASE_URL", "mysql://host/name"),
        ("GATEWAY_DATABASE_URL", "sqlite:///:memory:"),
        ("GATEWAY_DATABASE_URL", "postgresql://host:0/name"),
        ("ALLOWED_ORIGINS", "https://a.test,*"),
        ("ALLOWED_ORIGINS", "https://a.test/path"),
        ("ALLOWED_ORIGINS", "null"),
        ("EXTENSION_IDS", "abc"),
        ("EXTENSION_IDS", "z" * 32),
        ("TRUSTED_PROXIES", "proxy.test"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "*"),
        ("ROOT_PATH", "clips"),
        ("ROOT_PATH", "/clips/"),
        ("SUBMITS_BURST", "0"),
        ("ADMIN_API_KEY", "short"),
        ("JWT_SIGNING_KEY", "short"),
    ],
)
def test_values_out_of_bounds_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(GatewaySettings)


def test_lists_may_have_blanks_between(monkeypatch: pytest.MonkeyPatch) -> None:
    extension = "abcdefghijklmnop" * 2
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.test, https://b.test")
    monkeypatch.setenv("EXTENSION_IDS", f"{extension}, {extension[::-1]}")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    settings = load(GatewaySettings)

    assert settings.allowed_origin_set == {
        "https://a.test",
        "https://b.test",
        f"chrome-extension://{extension}",
        f"chrome-extension://{extension[::-1]}",
    }
    assert settings.trusted_proxy_set == {"10.0.0.0/8", "::1"}


def test_a_hosters_spelling_of_a_database_is_ours_and_its_password_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgres://gateway:top-secret@db.test/clipferry")
    settings = load(GatewaySettings)

    assert settings.store_url == "postgresql://gateway:top-secret@db.test/clipferry"
    assert "top-secret" not in repr(settings)


def test_origins_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.test, chrome-extension://abc,")

    ours = f"chrome-extension://{EXTENSION_ID}"
    assert load(GatewaySettings).allowed_origin_set == {"https://a.test", "chrome-extension://abc", ours}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"jwksUrl": "http://id.corp.test/jwks"}, "must begin with https://"),
        ({"jwksUrl": "file:///etc/passwd"}, "must begin with https://"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": ["none"]}, "RS256"),
        ({"issuer": "clipferry"}, "is not a URL"),
        ({"name": "Corp"}, "pattern"),
        ({"audiense": "x"}, "EXTERNAL_ISSUERS.0..audiense='x': .*not permitted"),
    ],
    ids=str,
)
def test_an_issuer_that_would_be_unsafe_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], told: str
) -> None:
    issuer = {"name": "corp", "issuer": "https://id.test", "audience": "a", "jwksUrl": "https://id.test/jwks", **wrong}
    monkeypatch.setenv("EXTERNAL_ISSUERS", json.dumps([issuer]))
    with pytest.raises(SettingsError, match=told):
        load(GatewaySettings)


def test_each_field_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTERNAL_ISSUERS", '[{"name": "x"}]')
    with pytest.raises(SettingsError) as caught:
        load(GatewaySettings)

    missing = ("issuer", "audience", "jwksUrl")
    assert str(caught.value).splitlines() == [f"EXTERNAL_ISSUERS[0].{name}: field required" for name in missing]


def test_two_issuers_cannot_be_taken_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = {"name": "corp", "issuer": "https://id.test", "audience": "a", "jwksUrl": "https://id.test/jwks"}
    monkeypatch.setenv("EXTERNAL_ISSUERS", json.dumps([issuer, {**issuer, "name": "other"}]))
    with pytest.raises(SettingsError, match="two have the same issuer"):
        load(GatewaySettings)
