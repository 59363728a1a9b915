"""The `clipferry` command against running services, as a terminal program."""

import base64
import html
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
    """Return the id of a job as it was said: whole, or its end."""
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<= )[0-9a-f]{8}(?=\s)", text)
    assert found, text
    return found[0]


async def whole(gateway: Gateway, said: str) -> str:
    """Return the id that ends as was said."""
    jobs = (await gateway.get("/api/jobs?limit=200"))["jobs"]
    (job_id,) = [job["id"] for job in jobs if job["id"].endswith(said)]
    return str(job_id)


async def test_a_bar_for_each_video(stack: Stack, shell: Shell) -> None:
    """They move while it moves, and say how it ended."""
    gated = stack.page("/gated/bars/clip.mp4?bars")

    with shell.terminal("send", stack.page("/media/clip.mp4?bars"), gated, "--watch") as terminal:
        await terminal.shows("arrived: message ")
        await terminal.shows("Downloading .* of ")
        await stack.open_gate("bars")
        await terminal.shows("arrived: message .*arrived: message ")
        assert await terminal.ended() == 0

    assert "━" in terminal.seen
    assert "100 %" in terminal.seen


async def test_ctrl_c_leaves_the_job_running_and_says_how_to_cancel_it(
    stack: Stack, gateway: Gateway, shell: Shell
) -> None:
    with shell.terminal("send", stack.page("/endless.mp4?left"), "-w") as terminal:
        await terminal.shows("Downloading ")
        terminal.interrupts()
        assert await terminal.ended() == 130

    assert "Still running. To cancel: clipferry cancel " in terminal.seen
    job_id = job_in(terminal.seen.partition("clipferry cancel")[2])
    assert await status_of(gateway, await whole(gateway, job_id)) == "processing"
    cancelled = await shell.run("cancel", job_id)
    assert (cancelled.status, cancelled.errors) == (0, "")


async def test_ctrl_c_can_cancel(stack: Stack, gateway: Gateway, shell: Shell) -> None:
    with shell.terminal("send", stack.page("/endless.mp4?cut"), "-w", "--cancel-on-interrupt") as terminal:
        await terminal.shows("Downloading ")
        terminal.interrupts()
        assert await terminal.ended() == 130
    job_id = await whole(gateway, job_in(terminal.seen.partition("Cancelled:")[2]))

    async def is_cancelled() -> bool:
        return await status_of(gateway, job_id) == "cancelled"

    await eventually(is_cancelled, within_s=30, what="the job is cancelled")


@needs("bash", "stty")
@pytest.mark.parametrize("end", ["Ctrl-C", "SIGTERM"])
async def test_what_is_typed_does_not_move_the_bars(stack: Stack, shell: Shell, end: str) -> None:
    """Nothing is echoed meanwhile, and whatever ends it, everything is afterwards."""
    line = f"clipferry send '{stack.page(f'/endless.mp4?{end}')}' -w; stty -a"
    with shell.terminal("-c", line, command="bash", columns=80) as terminal:
        await terminal.shows("↓ ")
        terminal.types("typed by mistake")
        if end == "Ctrl-C":
            terminal.interrupts()
        else:
            terminal.ends_program()
        await terminal.shows(r"\becho\b")
        assert await terminal.ended() == 0

    drawn, _, modes = terminal.seen.partition("speed ")
    assert "typed" not in drawn
    assert "^C" not in drawn
    assert "-echo " not in modes
    running = job_in((await shell.run("jobs", "--state", "processing")).output)
    assert (await shell.run("cancel", running)).status == 0


async def test_a_list_at_a_terminal(stack: Stack, shell: Shell) -> None:
    """No line is wider than the terminal, and what failed says why; in a pipe nothing is cut."""
    page = stack.page(f"/pages/no-video?{'long-' * 20}")
    await shell.run("send", page, "--watch")

    with shell.terminal("jobs", "--limit", "1", columns=80) as terminal:
        assert await terminal.ended() == 0
    _, job, why = terminal.seen.splitlines()
    piped = await shell.run("jobs", "--limit", "1")

    assert max(len(job), len(why)) <= 80
    assert re.match(r"[0-9a-f]{8}  failed +\w+ .*…$", job)
    assert why.strip().startswith("NO_VIDEO ")
    assert page in piped.output
    assert "NO_VIDEO " in piped.output


async def test_a_page_that_is_under_way_is_not_sent_again(stack: Stack, shell: Shell) -> None:
    """It says as which job it is."""
    page = stack.page("/gated/twice/clip.mp4")
    first = (await shell.run("send", page)).output.split()[0]

    again = await shell.run("send", page)
    for_programs = await shell.run("send", page, "--json")
    await stack.open_gate("twice")

    assert (again.status, again.errors) == (0, f"{page} is already under way as {first[-8:]}.\n")
    assert [(job["id"], job["duplicate"]) for job in for_programs.json()["jobs"]] == [(first, True)]
    assert (await shell.run("watch", first[-8:])).status == 0


async def test_not_a_terminal(stack: Stack, shell: Shell) -> None:
    """Plain lines, each with the page and the end of the job's id; the last one says that it has arrived."""
    ended = await shell.run("send", stack.page("/media/clip.mp4?plain"), "--watch")

    assert (ended.status, ended.errors) == (0, "")
    assert _CONTROL not in ended.output
    assert "\r" not in ended.output
    first, *_, last = ended.output.splitlines()
    assert re.fullmatch(r"clip\.mp4\?plain  [0-9a-f]{8}    0\.0 %  Waiting in queue", first)
    assert "None" not in ended.output
    assert "100.0 %" in last
    assert "arrived: message " in last
    assert "640x360" in last


async def test_one_that_fails_among_others(stack: Stack, shell: Shell) -> None:
    """Pages from a pipe: the others arrive, and the status says that not all did. A remark is no page."""
    pages = (
        f"# Tonight\n{stack.page('/media/clip.mp4?among')}\n\n{stack.page('/pages/no-video?among')}\nftp://no.test/\n"
    )

    ended = await shell.run("send", "-", "--watch", given=pages)

    assert ended.status == 1
    assert "arrived: message " in ended.output
    assert "failed: NO_VIDEO " in ended.output
    assert ended.errors.startswith("clipferry: ftp://no.test/: url must start with")


async def test_sound_to_a_chat(stack: Stack, shell: Shell) -> None:
    sent = await shell.run("send", stack.page("/media/clip.mp4?sound"), "--audio", "--to", "1001", "--json")

    (job,) = sent.json()["jobs"]
    assert (job["videoData"]["kind"], job["videoData"]["destination"]) == ("audio", "1001")
    assert (await shell.run("watch", job["id"])).status == 0
    assert any(message["method"] == "sendAudio" for message in await stack.messages())


async def test_everything_that_can_be_said_of_a_page(stack: Stack, gateway: Gateway, shell: Shell) -> None:
    """It is in the job; the caption is the message's; a priority below zero is a number, not an option."""
    wished = ("--caption", "Für <dich> & mich", "--format", "best", "--max-duration", "60", "--priority", "-3")
    sent = await shell.run("send", stack.page("/media/clip.mp4?said"), *wished, "--referer", stack.page("/"), "--watch")
    asked = (await gateway.get(f"/api/jobs/{await whole(gateway, job_in(sent.output))}"))["videoData"]

    assert (sent.status, sent.errors) == (0, "")
    assert (asked["caption"], asked["format"], asked["maxDuration"], asked["priority"]) == (wished[1], "best", 60, -3)
    assert wished[1] in [html.unescape(message["fields"].get("caption", "")) for message in await stack.messages()]


async def test_one_of_a_list_and_a_live_stream(stack: Stack, gateway: Gateway, shell: Shell) -> None:
    live = await shell.run("send", stack.page("/media/live/index.m3u8?no"), "--watch")
    recorded = await shell.run("send", stack.page("/media/live/index.m3u8?yes"), "--live", "--json")
    job_id = recorded.json()["jobs"][0]["id"]
    second = await shell.run("send", stack.page("/pages/several?2"), "--item", "2", "--watch")

    assert (live.status, "failed: LIVE " in live.output) == (1, True)
    assert (await gateway.get(f"/api/jobs/{job_id}"))["videoData"]["allowLive"] is True
    assert (await shell.run("cancel", job_id)).status == 0
    assert second.status == 0
    assert "360x640" in second.output, "the first of the page is not the upright one"


async def test_what_happened_to_a_job(stack: Stack, shell: Shell) -> None:
    failed = await shell.run("send", stack.page("/pages/no-video?history"), "--watch")
    job_id = job_in(failed.output)

    told = await shell.run("history", job_id)
    steps = (await shell.run("history", job_id, "--json")).json()["steps"]

    assert (told.status, told.errors) == (0, "")
    head, *rows = [re.split(r" {3,}", line) for line in told.output.splitlines()]
    assert head == ["AT", "ATTEMPT", "WHAT", "WORKER", "WHY"]
    assert [step["kind"] for step in steps] == ["accepted", "started", "failed"]
    assert rows[1][1:3] == ["1", "started"]
    assert rows[2][4].startswith("NO_VIDEO ")


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
        (["send", "ftp://no.test/"], {}, 2, "FIELD_INVALID"),
        (["keys", "remove", "-h-KPCm8lErl"], {}, 1, "KEY_NOT_FOUND"),
        (["jobs", "--state", "eaten"], {}, 2, "FIELD_INVALID"),
        (["send", "https://video.test/", "--item", "0"], {}, 2, "FIELD_INVALID"),
        (["send", "https://video.test/", "--topic", "two"], {}, 2, "FIELD_INVALID"),
        (["send", "https://video.test/", "--priority", "11"], {}, 2, "FIELD_INVALID"),
        (["send", "https://video.test/", "--caption", "x" * 4_097], {}, 2, "FIELD_INVALID"),
        (["send", "https://video.test/", "--format", "x" * 257], {}, 2, "FIELD_INVALID"),
        (["send", "https://video.test/", "--referer", "a page"], {}, 2, "FIELD_INVALID"),
        (["probe", "https://video.test/", "--max-duration", "0"], {}, 2, "FIELD_INVALID"),
        (["history", "not-there"], {}, 1, "JOB_NOT_FOUND"),
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


async def test_a_code_that_nobody_has_used_is_taken_back(shell: Shell) -> None:
    code = (await shell.run("pair", "--json")).json()["pairingCode"]
    (entry,) = (await shell.run("pair", "--list", "--json")).json()["codes"]
    listed = (await shell.run("pair", "--list")).output

    assert entry["id"] in listed
    assert code not in listed
    assert (await shell.run("pair", "--revoke", entry["id"])).status == 0
    assert (await shell.run("pair", "--list", "--json")).json()["codes"] == []
    assert (await shell.run("login", "--pairing-code", "-", given=f"{code}\n")).status == 4
    assert (await shell.run("pair", "zoe", "--list")).status == 2


async def test_a_failed_job_is_retried(stack: Stack, shell: Shell) -> None:
    failed = await shell.run("send", stack.page("/pages/no-video?again"), "--watch")
    job_id = job_in(failed.output)

    assert (await shell.run("retry", job_id)).output.split()[1] == "queued"
    assert (await shell.run("watch", job_id)).status == 1


async def test_what_there_is_on_a_page(stack: Stack, shell: Shell) -> None:
    """In words without its picture, which is for programs."""
    found = await shell.run("probe", stack.page("/watch"))
    whole = (await shell.run("probe", stack.page("/watch"), "--json")).json()

    assert found.status == 0, found.errors
    assert found.output.splitlines()[0] == "Drifting colours"
    assert re.search(r"^  how +fits as it is$", found.output, re.MULTILINE)
    assert re.search(r"^  size +about .* MB, of at most 50.0 MB$", found.output, re.MULTILINE)
    assert whole["thumbnailUrl"] == stack.page("/media/poster.jpg")
    assert base64.b64decode(whole["thumbnail"].removeprefix("data:image/jpeg;base64,")).startswith(b"\xff\xd8\xff")
    assert "base64" not in found.output


async def test_status(shell: Shell) -> None:
    """Words and units for people, the API's own names for programs."""
    for command, line, name in (
        ("queue-status", r"  waiting +\d+ of at most 5", "throughputPerMinute"),
        ("memory-status", r"  most for one video +50 MB", "maxPerVideo"),
        ("health", r"  health +all is well", "realTimeUpdates"),
    ):
        told, raw = await shell.run(command), await shell.run(command, "--json")
        assert (told.status, told.errors) == (0, "")
        assert re.search(f"^{line}$", told.output, re.MULTILINE), told.output
        assert not re.search("[a-z][A-Z][a-z]|null|None", told.output), told.output
        assert name in raw.json()


@needs("bash")
async def test_bash_completes_commands_and_jobs(stack: Stack, shell: Shell) -> None:
    """Jobs as they were last seen, without asking the gateway."""
    sent = await shell.run("send", stack.page("/pages/no-video?completed"))
    line = (
        'eval "$(clipferry completion bash)"; '
        "for typed in 'can' 'cancel ' 'send --ca'; do read -ra COMP_WORDS <<< \"clipferry $typed\"; "
        '[[ $typed = *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
        'COMPREPLY=(); _clipferry_completion clipferry; echo "${COMPREPLY[@]}"; done'
    )

    completed = await shell.without(CLIPFERRY_URL="http://127.0.0.1:9").line(line)

    words = [sorted(line.split()) for line in completed.output.splitlines()]
    assert words == [["cancel"], [job_in(sent.output)], ["--cancel-on-interrupt", "--caption"]], completed.errors


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
