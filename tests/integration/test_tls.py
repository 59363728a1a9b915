"""TLS between services: who may call what, and files that change while everything runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc

from clipferry.keda import externalscaler_pb2
from clipferry.notifier.v1 import notifier_service_pb2
from clipferry.processor.v1 import processor_service_pb2
from clipferry.queue.v1 import queue_service_pb2, queue_service_pb2_grpc, worker_service_pb2
from services.chassis.channel import Link, open_link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import StartError
from services.chassis.roles import callers_of, roles_of
from services.chassis.server import Served, serving
from services.chassis.settings import Settings
from services.chassis.status import remote_errors
from services.chassis.tls import Tls
from tests.fakes.authority import Authority, replace
from tests.fakes.eventually import eventually
from tests.fakes.processor_tools import Script
from tests.fakes.whole import until_ended, whole

NAME = "clipferry.queue.v1.QueueService"
WIRE: tuple[FileDescriptor, ...] = (
    queue_service_pb2.DESCRIPTOR,
    worker_service_pb2.DESCRIPTOR,
    processor_service_pb2.DESCRIPTOR,
    notifier_service_pb2.DESCRIPTOR,
    externalscaler_pb2.DESCRIPTOR,
)


class Queue(queue_service_pb2_grpc.QueueServiceServicer):
    """Answers GetStats, and remembers what was shown last."""

    shown = b""

    async def GetStats(self, request: Any, context: Any) -> Any:
        (Queue.shown,) = context.auth_context()["x509_pem_cert"]
        return queue_service_pb2.GetStatsResponse()


@asynccontextmanager
async def queue(tls: Tls) -> AsyncIterator[str]:
    served = Served(NAME, queue_service_pb2_grpc.add_QueueServiceServicer_to_server, Queue())
    async with serving([served], address="127.0.0.1:0", drain_s=0, tls=tls) as port:
        yield f"127.0.0.1:{port}"


async def ask(link: Link, stub: Any = None) -> None:
    stub = stub or queue_service_pb2_grpc.QueueServiceStub(link.channel)
    with remote_errors():
        await stub.GetStats(queue_service_pb2.GetStatsRequest(), timeout=30, metadata=link.metadata)


async def refusal(target: str, tls: Tls | None) -> ClipferryError:
    async with open_link(target, tls=tls) as link:
        with pytest.raises(ClipferryError) as caught:
            await ask(link)
        return caught.value


@pytest.mark.parametrize("name", ["gateway", "gateway.clipferry.svc", "spiffe://clipferry/gateway", "admin"])
async def test_whoever_has_the_role_is_let_in(tmp_path: Path, name: str) -> None:
    authority = Authority()
    async with (
        queue(authority.write(tmp_path / "queue", "queue")) as target,
        open_link(target, tls=authority.write(tmp_path / "caller", name)) as link,
    ):
        await ask(link)


async def test_another_role_is_told_which_it_has_and_which_it_needs(tmp_path: Path) -> None:
    authority = Authority()
    async with queue(authority.write(tmp_path / "queue", "queue")) as target:
        processor = await refusal(target, authority.write(tmp_path / "processor", "processor.clipferry.svc"))
        nobody = await refusal(target, authority.write(tmp_path / "nobody", "https://gateway", "my-gateway"))

    assert (processor.reason, nobody.reason) == (Reason.PERMISSION_DENIED,) * 2
    assert processor.message == (
        f"{NAME}/GetStats is for the role admin or gateway; the certificate that was shown has processor."
    )
    assert nobody.metadata["role"] == "none"


async def test_health_is_open_to_every_service(tmp_path: Path) -> None:
    authority = Authority()
    async with (
        queue(authority.write(tmp_path / "queue", "queue")) as target,
        open_link(target, tls=authority.write(tmp_path / "notifier", "notifier")) as link,
    ):
        answer = await health_pb2_grpc.HealthStub(link.channel).Check(health_pb2.HealthCheckRequest(), timeout=30)

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_without_a_certificate_that_is_believed_nobody_gets_in(tmp_path: Path) -> None:
    """None at all, one of another authority, and a server of another authority."""
    authority, other = Authority(), Authority()
    strangers = other.write(tmp_path / "stranger", "gateway")
    theirs = Tls(strangers.certificate, strangers.key, tmp_path / "queue" / "ca.crt", strangers.poll_s)
    async with queue(authority.write(tmp_path / "queue", "queue")) as target:
        reasons = [(await refusal(target, tls)).reason for tls in (None, theirs, strangers)]

    assert reasons == [Reason.UNAVAILABLE] * 3


async def test_files_change_under_open_channels(tmp_path: Path) -> None:
    """A new authority with new certificates takes over: no call fails, and the old certificates are worth nothing."""
    before, after = Authority(), Authority()
    both = before.certificate + after.certificate
    async with AsyncExitStack() as stack:
        queue_tls, gateway_tls = (before.write(tmp_path / name, name) for name in ("queue", "gateway"))
        old = before.write(tmp_path / "old", "gateway")
        target = await stack.enter_async_context(queue(queue_tls))
        link = await stack.enter_async_context(open_link(target, tls=gateway_tls))
        stub = queue_service_pb2_grpc.QueueServiceStub(link.channel)
        first = link.channel._channel
        calls = asyncio.create_task(ask_until_cancelled(link, stub))

        # As authorities are replaced: first everybody believes both, then certificates change, then the old one goes.
        for tls in (queue_tls, gateway_tls):
            replace(tls.authorities, both)
        await eventually(partial(has_changed, link, first), what="the gateway believes both")
        for tls, name in ((queue_tls, "queue"), (gateway_tls, "gateway")):
            after.write(tls.certificate.parent, name, believed=both)
        await eventually(partial(shows, gateway_tls), what="the gateway shows its new certificate")
        for tls in (queue_tls, gateway_tls):
            replace(tls.authorities, after.certificate)
        assert (await refusal(target, old)).reason is Reason.UNAVAILABLE
        async with open_link(target, tls=after.write(tmp_path / "new", "gateway")) as newcomer:
            await ask(newcomer)
        calls.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls


async def has_changed(link: Link, before: object) -> bool:
    return link.channel._channel is not before


async def shows(tls: Tls) -> bool:
    return Queue.shown.strip() == tls.certificate.read_bytes().strip()


async def ask_until_cancelled(link: Link, stub: Any) -> None:
    while True:
        await ask(link, stub)
        await asyncio.sleep(0)


async def test_a_half_of_a_pair_is_waited_for(tmp_path: Path) -> None:
    """A key of another certificate is not used, on neither side, and the next whole pair is."""
    authority = Authority()
    queue_tls, gateway_tls = (authority.write(tmp_path / name, name) for name in ("queue", "gateway"))
    with structlog.testing.capture_logs() as lines:

        async def is_refused() -> bool:
            return "tls_refused" in {line.get("action") for line in lines}

        async with queue(queue_tls) as target, open_link(target, tls=gateway_tls) as link:
            for tls in (queue_tls, gateway_tls):
                replace(tls.key, authority.issue("gateway")[1])
            await eventually(is_refused, what="the gateway has looked")
            await ask(link)
            async with open_link(target, tls=authority.write(tmp_path / "other", "gateway")) as other:
                await ask(other)

            authority.write(tmp_path / "gateway", "gateway")
            stub = queue_service_pb2_grpc.QueueServiceStub(link.channel)
            calls = asyncio.create_task(ask_until_cancelled(link, stub))
            await eventually(partial(shows, gateway_tls), what="the gateway shows its new certificate")
            calls.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calls


@pytest.mark.parametrize("spoiled", ["tls.crt", "tls.key", "ca.crt"])
async def test_files_that_are_none_are_told_at_the_start(tmp_path: Path, spoiled: str) -> None:
    tls = Authority().write(tmp_path / "queue", "queue")
    (tmp_path / "queue" / spoiled).write_text("nothing of this kind")
    with pytest.raises(StartError, match="PEM"):
        async with queue(tls):
            pass

    (tmp_path / "queue" / spoiled).unlink()
    with pytest.raises(StartError, match=spoiled):
        async with queue(tls):
            pass


async def test_beyond_loopback_plain_text_must_be_meant() -> None:
    """A token that can be read on the way is only enough where somebody says so; TLS is always enough."""
    with pytest.raises(StartError, match="ALLOW_PLAINTEXT"):
        async with serving([], address="0.0.0.0:0", drain_s=0, token="a-token-of-the-services"):
            pass
    with pytest.raises(StartError, match="SERVICE_TOKEN"):
        async with serving([], address="0.0.0.0:0", drain_s=0, allow_plaintext=True):
            pass
    async with serving([], address="0.0.0.0:0", drain_s=0, token="a-token-of-the-services", allow_plaintext=True):
        pass


async def test_with_tls_no_token_is_needed_beyond_loopback(tmp_path: Path) -> None:
    async with serving([], address="0.0.0.0:0", drain_s=0, tls=Authority().write(tmp_path / "queue", "queue")):
        pass


async def test_a_job_goes_its_way_between_services_that_show_certificates(tmp_path: Path) -> None:
    """Each with its own role, as the settings have it; whoever has none gets nowhere."""
    authority = Authority()
    async with whole(tmp_path, Script(), lambda role: authority.write(tmp_path / role, role)) as admin:
        job = await admin.submit()
        assert (await until_ended(admin, job["id"]))["status"] == "completed"


def test_the_files_of_tls_are_set_together() -> None:
    with pytest.raises(ValueError, match="TLS_KEY_FILE and TLS_CA_FILE"):
        Settings(tls_cert_file=Path("tls.crt"))


def test_the_table_has_the_arrows_of_the_design_and_no_other() -> None:
    """Gateway to queue and processor, processor to queue and notifier, KEDA to its scaler; draining is for people."""
    callers = {
        f"{service.full_name}/{method.name}": callers_of(f"/{service.full_name}/{method.name}") - {"admin"}
        for file in WIRE
        for service in file.services_by_name.values()
        for method in service.methods
    }
    drain = "clipferry.processor.v1.ProcessorService/Drain"

    assert callers.pop(drain) == set()
    assert {(method.partition("/")[0], *sorted(roles)) for method, roles in callers.items()} == {
        ("clipferry.queue.v1.QueueService", "gateway"),
        ("clipferry.queue.v1.WorkerService", "processor"),
        ("clipferry.processor.v1.ProcessorService", "gateway"),
        ("clipferry.notifier.v1.NotifierService", "processor"),
        ("externalscaler.ExternalScaler", "keda"),
    }
    assert callers_of("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo") == {"admin"}


def test_only_whole_labels_and_spiffe_ids_are_roles() -> None:
    assert roles_of([b"queue.ns.svc", b"processor2", b"x.gateway"], [b"spiffe://a/b/notifier", b"https://a/admin"]) == {
        "queue",
        "notifier",
    }
