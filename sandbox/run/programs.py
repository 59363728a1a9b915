"""Which processes there are, and when each of them is ready."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sandbox.run.config import RunSettings
from services.chassis.channel import CHANNEL_OPTIONS
from services.chassis.lifecycle import StartError

_LOOK_EVERY_S = 0.1
_CALL_TIMEOUT_S = 2.0


SECRETS: Mapping[str, Sequence[str]] = {
    "ADMIN_API_KEY": ("gateway",),
    "DATABASE_URL": ("queue",),
    "GATEWAY_DATABASE_URL": ("gateway",),
    "JWT_PREVIOUS_SIGNING_KEY": ("gateway",),
    "JWT_SIGNING_KEY": ("gateway",),
    "TELEGRAM_BOT_TOKEN": ("notifier", "botapi"),
}
"""Who is told which secret; nobody else."""


@dataclass(frozen=True)
class Program:
    """One process.

    Args:
        name: Of the process, and of its log.
        module: What ``python -m`` runs.
        address: ``host:port`` it listens on.
        variable: Setting that holds the address or its port.
        is_ready: Returns whether it answers.
    """

    name: str
    module: str
    address: str
    variable: str
    is_ready: Callable[[], Awaitable[bool]]

    @property
    def withheld(self) -> list[str]:
        """Secrets that are none of its business."""
        return [secret for secret, told in SECRETS.items() if self.name not in told]


def programs(settings: RunSettings) -> list[Program]:
    """Return the processes of a run, in the order they are started."""
    site, bot_api = f"127.0.0.1:{settings.site_port}", f"127.0.0.1:{settings.bot_api_port}"
    gateway = settings.gateway_url.removeprefix("http://")
    found = [
        Program("site", "sandbox.site", site, "SANDBOX_SITE_PORT", answers(f"{settings.site_url}/")),
        Program("botapi", "sandbox.botapi", bot_api, "SANDBOX_BOT_API_PORT", answers(f"{settings.bot_api_url}/")),
        _service("queue", settings.queue_listen_address),
        _service("notifier", settings.notifier_listen_address),
        _service("processor", settings.processor_listen_address),
        Program("gateway", "gateway", gateway, "PORT", answers(f"{settings.gateway_url}/health")),
    ]
    return [program for program in found if not (settings.real_telegram and program.name == "botapi")]


def _service(name: str, address: str) -> Program:
    return Program(name, f"services.{name}", address, f"{name.upper()}_LISTEN_ADDRESS", serves(address))


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """Return a look at `url`: whether it answers with 200."""

    async def is_ready() -> bool:
        async with httpx.AsyncClient(timeout=_CALL_TIMEOUT_S, trust_env=False) as client:
            try:
                return (await client.get(url)).status_code == 200
            except httpx.HTTPError:
                return False

    return is_ready


def serves(address: str) -> Callable[[], Awaitable[bool]]:
    """Return a look at a gRPC server: whether its health is SERVING."""

    async def is_ready() -> bool:
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            try:
                answer = await check(health_pb2.HealthCheckRequest(), timeout=_CALL_TIMEOUT_S, wait_for_ready=True)
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return is_ready


def check_ports(wanted: list[Program]) -> None:
    """Check that every port is free, and that no two are the same.

    Raises:
        StartError: Naming every port that is not, and the variable that moves it.
    """
    problems = list(filter(None, map(_port_problem, wanted)))
    by_address = {program.address: program for program in wanted}
    for program in wanted:
        other = by_address[program.address]
        if other is not program:
            problems.append(
                f"{program.variable} and {other.variable} are both {program.address}; choose another for one of them."
            )
    if problems:
        raise StartError(" ".join(problems))


def _port_problem(program: Program) -> str:
    """Return what is wrong with a program's port, and how to move it; empty when it is free."""
    host, _, port = program.address.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # What a server does: ports of connections that are over do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            return (
                f"port {port} of the {program.name} cannot be used ({error.strerror}); "
                f"free it, or choose another with {program.variable}."
            )
    return ""


async def until_ready(wanted: list[Program]) -> None:
    """Wait until every program answers. Bound it from outside."""
    await asyncio.gather(*(_until_ready(program) for program in wanted))


async def _until_ready(program: Program) -> None:
    while not await program.is_ready():  # noqa: ASYNC110 - it happens in another process
        await asyncio.sleep(_LOOK_EVERY_S)
