"""Whom the command asks, and what it shows them."""

import json
import os
from pathlib import Path

import pytest

from cli.credentials import Fixed, Kept, OwnKey
from cli.exits import USAGE, CommandError
from cli.login_file import Login, LoginFile
from cli.target import find_target
from cli.variables import VARIABLES, config_dir

HERE, THERE, ELSEWHERE = "http://127.0.0.1:3001", "https://nas.test", "https://other.test"


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is set, nothing runs, nobody is signed in."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def run_here(key: str = "cf_of-this-run", **more: object) -> Path:
    path = Path("var/run/run.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"pid": 1, "gatewayUrl": HERE, "apiKey": key, **more}))
    return path


def sign_in_there() -> None:
    file = LoginFile(config_dir())
    with file.locked():
        file.write(Login(THERE, "ann", "access", "refresh", 0.0))


def test_this_machine_is_asked_if_nothing_was_said(clean_environment: pytest.MonkeyPatch) -> None:
    assert find_target().url == "http://127.0.0.1:3000"

    clean_environment.setenv("PORT", "4000")
    assert find_target().url == "http://127.0.0.1:4000"


def test_the_order(clean_environment: pytest.MonkeyPatch) -> None:
    """What was said, then what runs here, then what was signed in to."""
    sign_in_there()
    assert find_target().url == THERE

    run_here()
    assert find_target().url == HERE

    clean_environment.setenv("CLIPFERRY_URL", ELSEWHERE + "/")
    assert find_target().url == ELSEWHERE
    assert find_target(HERE).url == HERE


def test_a_way_in_is_never_shown_to_another_gateway() -> None:
    """Neither the key of the run here nor the tokens of the sign-in."""
    run_here(services={"queue": "127.0.0.1:1"})
    sign_in_there()

    asked = find_target(ELSEWHERE)

    assert isinstance(asked.credentials, Fixed)
    assert asked.services == {}
    asked_at = type("Asked", (), {"url": ELSEWHERE, "health": lambda _self: None})()
    with pytest.raises(CommandError, match="Nobody is signed in"):
        asked.credentials.token(http=asked_at)
    assert isinstance(find_target(THERE).credentials, Kept)


def test_a_key_of_the_gateways_own_is_shown_as_it_is() -> None:
    """Any other opens a session."""
    path = run_here()
    assert isinstance(find_target().credentials, Fixed)

    path.write_text(path.read_text().replace("cf_of", "my-own"))
    assert isinstance(find_target().credentials, OwnKey)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_somebody_else_wrote_down_is_not_believed() -> None:
    """A directory with a state file in it sends nobody's videos elsewhere."""
    os.chown(run_here(), 12345, -1)

    assert find_target().url == "http://127.0.0.1:3000"


@pytest.mark.parametrize("wrong", ["nas.test", "ftp://nas.test", "http://", "https://nas.test/#pair=1", "http://x?y=1"])
def test_an_address_that_is_none_is_a_wrong_call(wrong: str) -> None:
    with pytest.raises(CommandError) as refused:
        find_target(wrong)

    assert refused.value.status == USAGE
