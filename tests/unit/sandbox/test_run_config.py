"""What `make run` gives to the processes it starts."""

from pathlib import Path

import pytest

from sandbox.run.config import RunSettings, environment
from services.chassis.settings import SettingsError, load


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in RunSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)


def test_the_parts_find_each_other() -> None:
    """An address that was moved is where the others look for it."""
    settings = RunSettings.model_validate({"QUEUE_LISTEN_ADDRESS": "127.0.0.1:6001", "SANDBOX_BOT_API_PORT": 6002})

    made = environment(settings, {})

    assert made["QUEUE_LISTEN_ADDRESS"] == made["QUEUE_TARGET"] == "127.0.0.1:6001"
    assert made["TELEGRAM_API_BASE_URL"] == "http://127.0.0.1:6002"
    assert made["DATABASE_URL"] == "sqlite:///var/queue.db"


def test_what_the_caller_set_stays() -> None:
    settings = RunSettings.model_validate({"EGRESS_ALLOW": "10.0.0.1:80"})

    made = environment(settings, {"MAX_QUEUE_SIZE": "7", "DATABASE_URL": "sqlite:///x.db", "QUEUE_TARGET": ""})

    assert made["MAX_QUEUE_SIZE"] == "7"
    assert made["DATABASE_URL"] == "sqlite:///x.db"
    assert made["QUEUE_TARGET"] == "127.0.0.1:50051"
    assert made["EGRESS_ALLOW"] == "10.0.0.1:80,127.0.0.1:8082"


def test_each_run_has_its_own_key() -> None:
    settings = RunSettings()

    assert environment(settings, {})["ADMIN_API_KEY"] != environment(settings, {})["ADMIN_API_KEY"]


def test_a_real_bot_is_left_alone() -> None:
    """With a token and a chat nothing points to the sandbox Bot API."""
    given = {"TELEGRAM_BOT_TOKEN": "123:real", "TELEGRAM_CHAT_ID": "42"}

    made = environment(RunSettings.model_validate(given), given)

    assert made["TELEGRAM_BOT_TOKEN"] == "123:real"
    assert "TELEGRAM_API_BASE_URL" not in made


@pytest.mark.parametrize(
    ("given", "missing"), [("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"), ("TELEGRAM_CHAT_ID", "TELEGRAM_BOT_TOKEN")]
)
def test_half_of_a_real_bot(monkeypatch: pytest.MonkeyPatch, given: str, missing: str) -> None:
    monkeypatch.setenv(given, "123:never-shown")

    with pytest.raises(SettingsError, match=f"{missing} is not") as caught:
        load(RunSettings)

    assert "never-shown" not in str(caught.value)


def test_logs_and_state_live_under_var() -> None:
    assert RunSettings.model_validate({"VAR_DIR": "/x"}).run_dir == Path("/x/run")
