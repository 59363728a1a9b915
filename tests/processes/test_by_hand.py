"""The lines of the README and of the reference's manual run as printed."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from sandbox.run.gateway import Gateway
from tests.processes.ports import DEFAULTS
from tests.processes.stack import ROOT, Stack
from tests.processes.tools import needs

# "Advanced Monitoring" of the reference's documentation.
MONITORING = {
    "queue": """\
curl -H "Authorization: Bearer $JWT_TOKEN" \\
     http://localhost:3000/api/queue/stats | jq""",
    "websocket": """\
curl -H "Authorization: Bearer $JWT_TOKEN" \\
     http://localhost:3000/api/websocket/stats""",
    "memory": "curl http://localhost:3000/health | jq '.memory'",
}


@needs("curl", "jq")
@pytest.mark.parametrize(
    ("line", "key"), [("queue", "totalProcessed"), ("websocket", "connected"), ("memory", "maxPerVideoFormatted")]
)
async def test_monitoring_lines(stack: Stack, gateway: Gateway, line: str, key: str) -> None:
    printed = await run_as_printed(stack, MONITORING[line], gateway.token)

    assert f'"{key}' in printed


async def test_grpcurl_lines(stack: Stack, gateway: Gateway) -> None:
    """By reflection alone: lists services, checks health, submits, watches and cancels a job."""
    commands = readme_commands("## By hand, over gRPC")
    script = "\n".join(f"echo '### {number}'\n{command}" for number, command in enumerate(commands))

    printed = await run_as_printed(stack, script, gateway.token)

    outputs = re.split(r"^### \d+\n", printed, flags=re.MULTILINE)[1:]
    by_command = dict(zip(commands, outputs, strict=True))
    listed, health, submitted, watched, cancelled = (
        next(output for command, output in by_command.items() if word in command)
        for word in (" list", "Health/Check", "SubmitJob", "WatchJobs", "CancelJob")
    )
    assert {"clipferry.queue.v1.QueueService", "clipferry.queue.v1.WorkerService"} <= set(listed.split())
    assert '"SERVING"' in health
    job_name = submitted.strip()
    assert re.fullmatch(r"jobs/[0-9a-f-]{36}", job_name)
    assert job_name in watched
    assert '"event"' in watched
    assert job_name in cancelled
    assert '"cancel_requested": true' in cancelled or "JOB_STATE_CANCELLED" in cancelled


def readme_commands(heading: str) -> list[str]:
    """Return the commands of the first block below a heading of the README, comments left out."""
    section = (ROOT / "README.md").read_text().partition(f"{heading}\n")[2]
    block = section.partition("```bash\n")[2].partition("```")[0]
    lines = [line for line in block.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    assert lines, f"the README has no commands below {heading!r}"
    return lines


async def run_as_printed(stack: Stack, script: str, token: str) -> str:
    """Run shell lines; only ports change, and only where the documented ones were taken by somebody else."""
    for variable, port in DEFAULTS.items():
        script = script.replace(f":{port}", f":{_port(stack.variables[variable])}")
    if not (ROOT / ".venv/bin/grpcurl").exists():
        script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script),
        cwd=ROOT,
        env=stack.variables | {"JWT_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return output.decode() or errors.decode()


def _port(address: str) -> str:
    return address.rpartition(":")[2]
