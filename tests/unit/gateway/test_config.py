"""Settings of the gateway: bounds, and every mistake in one report."""

import pytest

from gateway.config import GatewaySettings
from services.chassis.settings import SettingsError, load


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "HOST", "ADMIN_API_KEY", "WEBSOCKET_PING_INTERVAL"):
        monkeypatch.delenv(name, raising=False)
    settings = load(GatewaySettings)

    assert (settings.port, settings.websocket_enabled, settings.websocket_ping_interval) == (3000, True, 25_000)
    assert settings.database_path == "var/gateway.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBSOCKET_PING_INTERVAL", "25001"),
        ("WEBSOCKET_PING_INTERVAL", "99"),
        ("PORT", "65536"),
        ("GATEWAY_DATABASE_URL", "postgresql://host/name"),
        ("ALLOWED_ORIGINS", "https://a.test,*"),
        ("ALLOWED_ORIGINS", "https://a.test/path"),
        ("ADMIN_API_KEY", "short"),
        ("JWT_SIGNING_KEY", "short"),
    ],
)
def test_values_out_of_bounds_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load(GatewaySettings)


def test_origins_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.test, chrome-extension://abc,")

    assert load(GatewaySettings).allowed_origin_set == {"https://a.test", "chrome-extension://abc"}
