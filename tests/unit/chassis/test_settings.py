"""Settings: strict, all mistakes at once, secrets from files and never shown."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from services.chassis.settings import Settings, SettingsError, load


class Sample(Settings):
    """Settings with one field of each sort."""

    size_count: int = Field(50, validation_alias="SAMPLE_SIZE", ge=1, le=60)
    """How many."""

    wait_s: float = Field(1.0, validation_alias="SAMPLE_WAIT_S", gt=0)
    """How long."""

    password: SecretStr | None = Field(None, validation_alias="SAMPLE_PASSWORD", min_length=8)
    """What nobody may see."""

    names: list[str] = Field([], validation_alias="SAMPLE_NAMES")
    """Some names."""


def test_defaults_hold_without_any_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMPLE_SIZE", raising=False)

    assert load(Sample).size_count == 50


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "")

    assert load(Sample).size_count == 50


def test_all_mistakes_come_in_one_report_with_name_value_and_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE", "61")
    monkeypatch.setenv("SAMPLE_WAIT_S", "soon")

    with pytest.raises(SettingsError) as caught:
        load(Sample)

    lines = str(caught.value).splitlines()
    assert lines == [
        "SAMPLE_SIZE='61': input should be less than or equal to 60",
        "SAMPLE_WAIT_S='soon': input should be a valid number, unable to parse string as a number",
    ]


def test_a_wrong_secret_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_PASSWORD", "hunter2")

    with pytest.raises(SettingsError) as caught:
        load(Sample)

    assert str(caught.value) == "SAMPLE_PASSWORD: value should have at least 8 characters, not 7"


def test_a_secret_comes_from_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a long password\n")
    monkeypatch.setenv("SAMPLE_PASSWORD_FILE", str(tmp_path / "password"))

    password = load(Sample).password

    assert password is not None
    assert password.get_secret_value() == "a long password"


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_PASSWORD_FILE", "/nowhere/password")

    with pytest.raises(SettingsError, match=r"SAMPLE_PASSWORD_FILE='/nowhere/password' cannot be read"):
        load(Sample)


def test_an_empty_secret_file_is_no_way_to_have_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    monkeypatch.setenv("SAMPLE_PASSWORD_FILE", str(tmp_path / "password"))

    with pytest.raises(SettingsError, match="SAMPLE_PASSWORD: value should have at least 8 characters, not 0"):
        load(Sample)


def test_a_list_is_written_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_NAMES", '["a", "b"]')

    assert load(Sample).names == ["a", "b"]


def test_what_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_NAMES", '["a"')

    with pytest.raises(SettingsError, match="SAMPLE_NAMES is not JSON: "):
        load(Sample)


def test_a_secret_and_its_file_together_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SAMPLE_PASSWORD", "a long password")
    monkeypatch.setenv("SAMPLE_PASSWORD_FILE", str(tmp_path / "password"))

    with pytest.raises(SettingsError, match="both set"):
        load(Sample)


def test_only_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_SIZE_FILE", "/nowhere/size")

    assert load(Sample).size_count == 50
