"""Each call of `docs/operating.md` is made as it stands there: with TLS, with a token, and with neither."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.botapi.server import bot_api
from services.notifier.service import notifier_service
from services.processor.config import ProcessorSettings
from services.processor.service import processing
from services.queue.service import queue_service
from tests.deploy.rendering import ROOT
from tests.fakes import notifier_tools, queue_client
from tests.fakes.authority import Authority
from tests.fakes.processor_tools import FakeDownloader, FakeMedia, Script
from tests.processes.tools import needs

PAGE = (ROOT / "docs/operating.md").read_text()
CALLS = [line.replace("\n", " ") for line in re.findall(r"`(call [^`]*)`", PAGE) if " " in line[5:]]
WAYS = dict(zip(("tls", "token", "plain"), re.findall(r"^access=\(.*\)$", PAGE, re.MULTILINE), strict=True))
"""In the order of the page."""
FETCHED = re.findall(r"^\(umask 077; .*\)$|^SERVICE_TOKEN=\$.*$", PAGE, re.MULTILINE)
WORD = "\n".join(re.findall(r"^declare -A port.*$|^call\(\) \{ grpcurl .*$", PAGE, re.MULTILINE))
SERVICES = ("queue", "processor", "notifier")
TOKEN = "a-token-of-the-services"
FROM_A_CLUSTER = """
kubectl() {
  if [[ "$*" == *admin-tls* ]]; then set -- --from-file=admin "${@: -1}"
  else set -- --from-literal=service-token=$KEPT "${@: -1}"; fi
  command kubectl create secret generic any --dry-run=client -o "$2" "$1"
}
"""
"""In place of a cluster: the real kubectl, and a Secret that it makes up itself."""
SLOW_S = 240


@asynccontextmanager
async def services(folder: Path, way: str) -> AsyncIterator[dict[str, int]]:
    """Run them, each with what it has in this way, for the length of the block; yields their ports."""
    authority = Authority(for_loopback=False)

    def told(role: str) -> dict[str, Any]:
        if way == "token":
            return {"service_token": TOKEN}
        if way == "plain":
            return {}
        tls = authority.write(folder / role, role)
        return {"tls_cert_file": tls.certificate, "tls_key_file": tls.key, "tls_ca_file": tls.authorities}

    told("admin")
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(bot_api(token=notifier_tools.TOKEN, chats=["@channel"]))
        queue_settings = queue_client.settings_for(folder, drain_s=0.1, **told("queue"))
        notifier_settings = notifier_tools.settings(api.url, **told("notifier"))
        processor_settings = ProcessorSettings(
            listen_address="127.0.0.1:0",
            queue_target="127.0.0.1:1",  # so that what is submitted waits
            notifier_target="127.0.0.1:1",
            tmpfs_dir=folder / "videos",
            drain_s=0.1,
            **told("processor"),
        )
        yield {
            "queue": await stack.enter_async_context(queue_service(queue_settings)),
            "notifier": await stack.enter_async_context(notifier_service(notifier_settings)),
            "processor": await stack.enter_async_context(
                processing(processor_settings, FakeDownloader(Script()), FakeMedia(Script()))
            ),
        }


async def bash(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "KEPT": TOKEN},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def made(call: str, prelude: str, job: str, folder: Path) -> str:
    """Make one call; returns what it prints."""
    line = call.replace("jobs/…", job).replace("https://…", "https://video.test/1")
    is_endless = "WatchJobs" in call
    if is_endless:  # nobody is here to press Ctrl-C
        line = line.replace("call queue", "call queue -max-time 2")
    done = await bash(f"{prelude}\n{line}", folder)
    assert done.returncode == 0 or (is_endless and "DeadlineExceeded" in done.stderr), f"{line}\n{done.stderr}"
    return done.stdout


@needs("kubectl")
@pytest.mark.timeout(SLOW_S)
@pytest.mark.parametrize("way", WAYS)
async def test_each_call_is_answered(tmp_path: Path, way: str) -> None:
    """What is fetched from the cluster's Secrets, and the word `call`, are those of the page too."""
    fetch = {"tls": FETCHED[0], "token": FETCHED[1], "plain": ""}[way]
    async with services(tmp_path, way) as ports:
        word = WORD
        for name, known in zip(SERVICES, ("50051", "50052", "50053"), strict=True):
            assert known in word
            word = word.replace(f"[{name}]={known}", f"[{name}]={ports[name]}")
        prelude = f"{FROM_A_CLUSTER}\n{fetch}\n{WAYS[way]}\n{word}"
        job, answers = "", {}
        for call in CALLS:
            answer = answers[call.split()[-1]] = await made(call, prelude, job, tmp_path)
            if "SubmitJob" in call:
                job = json.loads(answer)["job"]["name"]

    assert "SERVING" in answers["grpc.health.v1.Health/Check"]
    assert '"sync"' in answers["clipferry.queue.v1.QueueService/WatchJobs"]
    assert job in answers["clipferry.queue.v1.QueueService/ListJobEvents"]
    assert '"JOB_STATE_CANCELLED"' in answers["clipferry.queue.v1.QueueService/CancelJob"]
    assert '"message_id"' in answers["clipferry.notifier.v1.NotifierService/SendText"]
    assert "externalscaler.ExternalScaler" in answers["list"]


@pytest.mark.parametrize(("way", "wrong"), [("token", "plain"), ("tls", "plain")])
async def test_who_shows_nothing_is_refused(tmp_path: Path, way: str, wrong: str) -> None:
    """So that the ways above were needed."""
    async with services(tmp_path, way) as ports:
        word = WORD.replace("=50051", f"={ports['queue']}")
        with pytest.raises(AssertionError):
            await made("call queue clipferry.queue.v1.QueueService/GetStats", f"{WAYS[wrong]}\n{word}", "", tmp_path)


async def test_health_in_plain_text_is_asked_as_the_page_says(tmp_path: Path) -> None:
    (line,) = re.findall(r"`(grpcurl -plaintext [^`]*50050[^`]*)`", PAGE)
    tls = Authority().write(tmp_path / "queue", "queue")
    folder = tmp_path / "health"
    folder.mkdir()
    settings = queue_client.settings_for(
        tmp_path,
        drain_s=0.1,
        health_listen_address=f"unix:{folder}/socket",
        tls_cert_file=tls.certificate,
        tls_key_file=tls.key,
        tls_ca_file=tls.authorities,
    )
    async with queue_service(settings):
        asked = line.replace("\n", " ").replace("127.0.0.1:50050", "unix:socket")
        done = await bash(asked.replace("-plaintext", "-plaintext -unix").replace("unix:socket", "socket"), folder)

    assert "SERVING" in done.stdout, done.stderr


def test_the_calls_are_many() -> None:
    assert len(CALLS) >= 15
