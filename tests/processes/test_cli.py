"""The `clipferry` command against running services, as a terminal program."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from sandbox.run.gateway import Gateway
from tests.fakes.eventually import eventually
from tests.processes.cli_tools import CLIPFERRY, Shell
from tests.processes.stack import Stack
from tests.processes.tools import needs

pytestmark = pytest.mark.filterwarnings("ignore:.*use of forkpty.*:DeprecationWarning")

_CONTROL = "\x1b"


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"CLIPFERRY_URL": stack.settings.gateway_url, "CLIPFERRY_API_KEY": stack.api_key})


async def status_of(gateway: Gateway, job_id: str) -> str:
    return str((await gateway.get(f"/api/jobs/{job_id}"))["status"])


def job_in(text: str) -> str:
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", text)
    assert found, text
    return found[0]


async def test_a_bar_for_each_video(stack: Stack, shell: Shell) -> None:
    """They move while it moves, and say how it ended."""
    gated = stack.page("/gated/bars/clip.mp4?bars")

    with shell.terminal("send", stack.page("/media/clip.mp4?bars"), gated, "--watch") as terminal:
        await terminal.shows("arrived: message ")
        await terminal.shows("downloading: .* of ")
        await stack.open_gate("bars")
        await terminal.shows("arrived: message .*arrived: message ")
        assert await terminal.ended() == 0

    assert "━" in terminal.seen
    assert "100.0 %" in terminal.seen


async def test_ctrl_c_leaves_the_job_running_and_says_how_to_cancel_it(
    stack: Stack, gateway: Gateway, shell: Shell
) -> None:
    with shell.terminal("send", stack.page("/endless.mp4?left"), "-w") as terminal:
        await terminal.shows("downloading: ")
        terminal.interrupts()
        assert await terminal.ended() == 130

    assert "Still running. To cancel: clipferry cancel " in terminal.seen
    job_id = job_in(terminal.seen)
    assert await status_of(gateway, job_id) == "processing"
    cancelled = await shell.run("cancel", job_id)
    assert (cancelled.status, cancelled.errors) == (0, "")


async def test_ctrl_c_can_cancel(stack: Stack, gateway: Gateway, shell: Shell) -> None:
    with shell.terminal("send", stack.page("/endless.mp4?cut"), "-w", "--cancel-on-interrupt") as terminal:
        await terminal.shows("downloading: ")
        terminal.interrupts()
        assert await terminal.ended() == 130

    async def is_cancelled() -> bool:
        return await status_of(gateway, job_in(terminal.seen)) == "cancelled"

    await eventually(is_cancelled, within_s=10, what="the job is cancelled")


async def test_not_a_terminal(stack: Stack, shell: Shell) -> None:
    """Plain lines; the last one says that it has arrived."""
    ended = await shell.run("send", stack.page("/media/clip.mp4?plain"), "--watch")

    assert (ended.status, ended.errors) == (0, "")
    assert _CONTROL not in ended.output
    assert "\r" not in ended.output
    first, *_, last = ended.output.splitlines()
    assert re.fullmatch(r"[0-9a-f-]{36}    0\.0 %  Waiting in queue", first)
    assert "100.0 %" in last
    assert "arrived: message " in last
    assert "640x360" in last


async def test_one_that_fails_among_others(stack: Stack, shell: Shell) -> None:
    """Pages from a pipe: the others arrive, and the status says that not all did."""
    pages = f"{stack.page('/media/clip.mp4?among')}\n\n{stack.page('/pages/no-video?among')}\nftp://no.test/\n"

    ended = await shell.run("send", "-", "--watch", given=pages)

    assert ended.status == 1
    assert "arrived: message " in ended.output
    assert "failed: NO_VIDEO " in ended.output
    assert ended.errors.startswith("clipferry: FIELD_INVALID: ftp://no.test/: url must start with")


async def test_sound_to_a_chat(stack: Stack, shell: Shell) -> None:
    sent = await shell.run("send", stack.page("/media/clip.mp4?sound"), "--audio", "--to", "1001", "--json")

    (job,) = sent.json()["jobs"]
    assert (job["videoData"]["kind"], job["videoData"]["destination"]) == ("audio", "1001")
    assert (await shell.run("watch", job["id"])).status == 0
    assert any(message["method"] == "sendAudio" for message in await stack.messages())


@needs("jq")
async def test_json_is_for_jq(stack: Stack, shell: Shell) -> None:
    """One document where there is one answer, a line for each change where there are many."""
    page = stack.page("/media/clip.mp4?jq")
    watched = await shell.line(f"clipferry send '{page}' --watch --json | jq -r 'select(.job) | .status, .progress'")
    listed = await shell.line("clipferry jobs --json | jq -r '.jobs[0].videoData.pageUrl'")
    stats = await shell.line("clipferry --json queue-status | jq -e '.completed > 0'")
    wrong = await shell.line("clipferry cancel 1 --json 2>&1 >/dev/null | jq -r .code")

    assert watched.output == "completed\n100\n", watched
    assert listed.output == f"{page}\n"
    assert stats.output == "true\n"
    assert (wrong.status, wrong.output) == (1, "JOB_NOT_FOUND\n")


@pytest.mark.parametrize(
    ("arguments", "changed", "status", "code"),
    [
        (["cancel", "not-there"], {}, 1, "JOB_NOT_FOUND"),
        (["send", "ftp://no.test/"], {}, 1, "FIELD_INVALID"),
        (["keys", "remove", "-h-KPCm8lErl"], {}, 1, "ROUTE_NOT_FOUND"),
        (["jobs", "--state", "eaten"], {}, 2, "FIELD_INVALID"),
        (["jobs"], {"CLIPFERRY_URL": "nas.test"}, 2, "FIELD_INVALID"),
        (["jobs"], {"CLIPFERRY_URL": "http://127.0.0.1:9"}, 3, "UNAVAILABLE"),
        (["jobs"], {"CLIPFERRY_API_KEY": "cf_of-nobody"}, 4, "UNAUTHENTICATED"),
        (["jobs"], {"CLIPFERRY_API_KEY": ""}, 4, "UNAUTHENTICATED"),
        (["health"], {"CLIPFERRY_URL": "http://127.0.0.1:9"}, 3, "UNAVAILABLE"),
    ],
)
async def test_exit_status(shell: Shell, arguments: list[str], changed: dict[str, str], status: int, code: str) -> None:
    """With the reason: as JSON where that was asked for, else in a sentence."""
    other = shell.without(**changed)

    for_people, for_programs = await other.run(*arguments), await other.run(*arguments, "--json")

    assert (for_people.status, for_programs.status) == (status, status)
    assert json.loads(for_programs.errors.splitlines()[-1])["code"] == code
    assert "Traceback" not in for_people.errors
    if status != 2:
        assert for_people.errors.startswith(f"clipferry: {code}: ")


async def test_signing_in_by_hand(stack: Stack, shell: Shell) -> None:
    """The key is asked for and not shown; what it opened is enough from then on, until it is ended."""
    anonymous = shell.without("CLIPFERRY_API_KEY")

    with anonymous.terminal("login", "--api-key") as terminal:
        await terminal.shows("API key: ")
        terminal.types(stack.api_key)
        assert await terminal.ended() == 0
    assert stack.api_key not in terminal.seen
    assert f"Signed in at {stack.settings.gateway_url} as admin." in terminal.seen

    assert (await anonymous.run("users")).status == 0
    assert "Signed out" in (await anonymous.run("logout")).output
    assert (await anonymous.run("jobs")).status == 4


async def test_a_key_is_not_taken_from_the_command_line(stack: Stack, shell: Shell) -> None:
    """It would stay in the history of the shell."""
    refused = await shell.run("login", "--api-key", stack.api_key)

    assert refused.status == 2
    assert stack.api_key not in refused.errors
    assert "history" in refused.errors


async def test_letting_somebody_in(shell: Shell) -> None:
    """A user, a pairing code and a key; and out again."""
    added = await shell.run("users", "add", "zoe", "--chat", "1001", "--chat", "@films", "--json")
    assert added.json()["chats"] == ["1001", "@films"]

    code = (await shell.run("pair", "zoe", "--json")).json()["pairingCode"]
    hers = shell.without("CLIPFERRY_API_KEY")
    assert "as zoe." in (await hers.run("login", "--pairing-code", "-", given=f"{code}\n")).output
    assert (await hers.run("jobs")).status == 0
    assert (await hers.run("users")).status == 4

    key = (await shell.run("keys", "add", "zoe", "--scope", "jobs:read", "--days", "1", "--json")).json()
    scripts = shell.without(CLIPFERRY_API_KEY=key["apiKey"])
    assert (await scripts.run("jobs")).status == 0
    assert (await scripts.run("send", "https://video.test/1")).status == 4
    assert key["id"] in (await shell.run("keys")).output
    assert (await shell.run("keys", "remove", key["id"])).status == 0
    assert (await scripts.run("jobs")).status == 4

    assert "no" in (await shell.run("users", "change", "zoe", "--disable")).output.split()
    assert (await hers.run("jobs")).status == 4
    assert (await shell.run("users", "remove", "zoe")).status == 0
    assert "zoe" not in (await shell.run("users")).output


async def test_a_failed_job_is_retried(stack: Stack, shell: Shell) -> None:
    failed = await shell.run("send", stack.page("/pages/no-video?again"), "--watch")
    job_id = job_in(failed.output)

    assert (await shell.run("retry", job_id)).output.split()[1] == "queued"
    assert (await shell.run("watch", job_id)).status == 1


async def test_what_there_is_on_a_page(stack: Stack, shell: Shell) -> None:
    found = await shell.run("probe", stack.page("/pages/video"))

    assert found.status == 0, found.errors
    assert re.search(r"^title +A page with a video$", found.output, re.MULTILINE)


async def test_status(shell: Shell) -> None:
    for command, name in (
        ("queue-status", "throughputPerMinute"),
        ("memory-status", "maxPerVideo"),
        ("health", "memory.max"),
    ):
        told = await shell.run(command)
        assert (told.status, told.errors) == (0, "")
        assert name in told.output


@needs("bash")
async def test_bash_completes_commands_and_jobs(stack: Stack, shell: Shell) -> None:
    """Jobs as they were last seen, without asking the gateway."""
    sent = await shell.run("send", stack.page("/pages/no-video?completed"))
    line = (
        'eval "$(clipferry completion bash)"; '
        "for typed in 'can' 'cancel '; do read -ra COMP_WORDS <<< \"clipferry $typed\"; "
        '[[ $typed = *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
        'COMPREPLY=(); _clipferry_completion clipferry; echo "${COMPREPLY[@]}"; done'
    )

    completed = await shell.without(CLIPFERRY_URL="http://127.0.0.1:9").line(line)

    assert completed.output.splitlines() == ["cancel", job_in(sent.output)], completed.errors


@pytest.mark.parametrize("name", ["zsh", "fish"])
async def test_other_shells_have_their_script(shell: Shell, name: str) -> None:
    printed = await shell.run("completion", name)

    assert printed.status == 0
    assert f"_CLIPFERRY_COMPLETE={name}_complete" in printed.output


def test_a_reader_that_goes_away_is_no_fault(shell: Shell) -> None:
    """As with `| head`: nothing is said of it."""
    read, write = os.pipe()
    os.close(read)
    try:
        gone = subprocess.run(
            [CLIPFERRY, "jobs"], env=shell.environment, stdout=write, stderr=-1, timeout=30, check=False
        )
    finally:
        os.close(write)

    assert gone.stderr == b""
