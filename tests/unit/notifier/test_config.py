"""Settings of the notifier."""

import pytest

from services.chassis.settings import SettingsError, load
from services.notifier.config import NotifierSettings

TOKEN = "123456789:AAH-a-token-for-tests-and-nothing-else"


def test_all_mistakes_at_once_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wrong variable has its line; the token is never shown."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "nonsense-secret")
    monkeypatch.setenv("TELEGRAM_CHAT_ID", "my chat")
    monkeypatch.setenv("TELEGRAM_LIMIT_BYTES", "0")
    monkeypatch.setenv("TELEGRAM_API_BASE_URL", "ftp://telegram")
    monkeypatch.setenv("NOTIFIER_DATABASE_URL", "mysql://bob:nonsense-secret@localhost/clipferry")

    with pytest.raises(SettingsError) as caught:
        load(NotifierSettings)

    report = str(caught.value)
    assert len(report.splitlines()) == 5
    for name in ("BOT_TOKEN", "CHAT_ID", "LIMIT_BYTES", "API_BASE_URL"):
        assert f"TELEGRAM_{name}" in report
    assert "NOTIFIER_DATABASE_URL" in report
    assert "nonsense-secret" not in report


def test_a_port_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a mistake of the settings, not one of the first connection."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("TELEGRAM_API_BASE_URL", "http://127.0.0.1:80810")

    with pytest.raises(SettingsError, match="TELEGRAM_API_BASE_URL"):
        load(NotifierSettings)


def test_token_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token there is no notifier."""
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)

    with pytest.raises(SettingsError, match="TELEGRAM_BOT_TOKEN"):
        load(NotifierSettings)


def test_slash_at_the_end_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL may be pasted with its slash."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("TELEGRAM_API_BASE_URL", "http://127.0.0.1:8081/")

    assert load(NotifierSettings).telegram_api_base_url == "http://127.0.0.1:8081"
