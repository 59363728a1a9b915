"""The queue's settings and their bounds."""

import pytest

from services.chassis.settings import SettingsError, load
from services.queue.config import QueueSettings


def test_reference_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_QUEUE_SIZE", "QUEUE_TIMEOUT", "WORKER_SPAWN_DELAY", "AUTO_CLEANUP_INTERVAL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)

    settings = load(QueueSettings)

    assert (settings.max_queue_size, settings.queue_timeout_ms) == (50, 600_000)
    assert (settings.worker_spawn_delay_ms, settings.auto_cleanup_interval_ms) == (1_000, 300_000)
    assert settings.database_url.get_secret_value() == "sqlite:///var/queue.db"


def test_postgres_is_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosters hand out both."""
    monkeypatch.setenv("DATABASE_URL", "postgres://ann:secret@db.test/jobs")

    assert load(QueueSettings).database_url.get_secret_value() == "postgresql://ann:secret@db.test/jobs"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql://db.test:port/clipferry",
        "mysql://localhost/clipferry",
        "sqlite:///",
        "sqlite:///:memory:",
        "queue.db",
    ],
)
def test_only_what_there_is_an_engine_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(SettingsError, match="must be sqlite:/// and the path of a file"):
        load(QueueSettings)


def test_beats_must_fit_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_TTL_S", "20")

    with pytest.raises(SettingsError, match="BEAT_INTERVAL_S=10 must be at most a third of LEASE_TTL_S=20"):
        load(QueueSettings)
