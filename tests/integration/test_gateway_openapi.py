"""The OpenAPI document is true: its examples work, and whatever it lets through is answered as it says."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from clipferry.processor.v1 import processor_service_pb2_grpc
from clipferry.queue.v1 import job_pb2
from services.chassis.server import Served, serving
from services.processor.core.plan import Limits
from services.processor.core.probe import Prober
from services.processor.runs import Runs
from services.processor.servicer import ProcessorServicer
from services.queue.service import queue_service
from tests.fakes.gateway_client import ADMIN_KEY, UNLIMITED, GatewayClient, gateway_at_hand
from tests.fakes.processor_tools import FakeDownloader, Script
from tests.fakes.queue_client import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLE_COUNT = 12
"""For each operation and each way to make requests: as many as fit into a few seconds."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
]


class NoRuns:
    """Of a processor that only probes."""

    draining = False


@asynccontextmanager
async def a_processor() -> AsyncIterator[int]:
    """Serve probes of a page with one video, for the length of the block; yields the port."""
    limits = Limits(video_bytes=1 << 30, total_bytes=1 << 30, telegram_bytes=50 << 20)
    servicer = ProcessorServicer(
        cast("Runs", NoRuns()),
        Prober(FakeDownloader(Script()), limits, slots=1, wait_s=5, timeout_s=5),
        worker_id="worker-1",
        ytdlp_version="1",
        memory=job_pb2.MemoryStats,
    )
    served = Served(
        "clipferry.processor.v1.ProcessorService",
        processor_service_pb2_grpc.add_ProcessorServiceServicer_to_server,
        servicer,
    )
    async with serving([served], address="127.0.0.1:0", drain_s=1) as port:
        yield port


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    folder = tmp_path_factory.mktemp("gateway")
    async with (
        queue_service(settings_for(folder, max_queue_size=10_000)) as queue_port,
        a_processor() as processor_port,
        gateway_at_hand(
            folder,
            queue_port,
            processor_target=f"127.0.0.1:{processor_port}",
            **UNLIMITED,
        ) as client,
    ):
        yield client


async def document(client: GatewayClient) -> dict[str, Any]:
    return dict((await client.http.get("/openapi.json")).json())


def operations(api: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, told) for path, methods in api["paths"].items() for method, told in methods.items()]


async def test_every_body_has_examples_and_each_example_works(admin: GatewayClient) -> None:
    """Sent as it stands, but for secrets and ids that only this gateway can know; the answers have their schemas."""
    await admin.add_user("ann")
    sent, api = 0, await document(admin)
    schema = schemathesis.openapi.from_dict(api)
    for method, path, told in operations(api):
        for media_type, content in told.get("requestBody", {}).get("content", {}).items():
            assert content["examples"], (method, path)
            for name, example in content["examples"].items():
                ids = {name: await _id_for(admin, path, name) for name in _names_in(path)}
                body = example["value"] | await _secrets(admin, example["value"])
                answer = await admin.request(
                    method, path.format_map(ids), json=body, headers={"Content-Type": media_type}
                )
                assert str(answer.status_code) in told["responses"], (path, name, answer.text)
                assert answer.status_code < 300, (path, name, answer.text)
                schema[path][method.upper()].validate_response(answer)
                sent += 1

    assert sent >= 12


async def test_what_is_read_has_its_schema(admin: GatewayClient) -> None:
    schema = schemathesis.openapi.from_dict(await document(admin))
    job = await admin.submit(f"https://example.org/{uuid.uuid4()}")
    tag = (await admin.request("GET", job["links"]["self"])).headers["etag"]

    for path, headers, status in (
        ("/api/jobs", {}, 200),
        ("/api/jobs/{job_id}", {}, 200),
        ("/api/jobs/{job_id}", {"If-None-Match": tag}, 304),
        ("/api/queue/stats", {}, 200),
        ("/api/memory/stats", {}, 200),
        ("/api/websocket/stats", {}, 200),
        ("/health", {}, 200),
    ):
        answer = await admin.request("GET", path.format(job_id=job["id"]), headers=headers)
        assert answer.status_code == status, answer.text
        schema[path]["GET"].validate_response(answer)


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


async def _id_for(client: GatewayClient, path: str, name: str) -> str:
    """Return the id of something that the operation at `path` can be done to."""
    if name == "user_id":
        await client.invite("carl")
        return "carl"
    assert name == "job_id", name
    job = await client.submit(f"https://example.org/{uuid.uuid4()}")
    await client.request("DELETE", job["links"]["self"])
    return str(job["id"])


async def _secrets(client: GatewayClient, body: dict[str, Any]) -> dict[str, str]:
    found = {}
    if "apiKey" in body:
        found["apiKey"] = ADMIN_KEY
    if "pairingCode" in body:
        made = await client.request("POST", "/api/auth/pair", json={})
        found["pairingCode"] = made.json()["pairingCode"]
    if "refreshToken" in body:
        found["refreshToken"] = (await client.sign_in(apiKey=ADMIN_KEY)).refresh_token
    return found


# What would end the session that the test itself uses, or what only looks so: the sign-ins are tried without it.
_LEFT_OUT = ("/api/auth/logout", "/api/auth/sessions")


# What the gateway draws in its own thread meanwhile looks to Hypothesis as if it was drawn within its strategies.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
async def test_nothing_that_the_document_lets_through_or_forbids_is_answered_against_it(
    admin: GatewayClient, mode: schemathesis.GenerationMode
) -> None:
    """No fault of ours, no status, header, type or shape that is not in the document. Always the same requests."""
    api = await document(admin)
    schema = schemathesis.openapi.from_dict(api)
    tokens = await admin.sign_in(apiKey=ADMIN_KEY)

    is_negative = mode is schemathesis.GenerationMode.NEGATIVE

    def all_operations() -> int:
        count = 0
        for result in schema.get_all_operations():
            operation: Any = cast("Any", result).ok()
            has_input = bool(list(operation.iter_parameters()) or operation.body)
            if not operation.path.startswith(_LEFT_OUT) and (has_input or not is_negative):
                _try(operation, mode, f"http://127.0.0.1:{admin.port}", tokens.headers)
                count += 1
        return count

    assert await asyncio.to_thread(all_operations) >= 15


def _try(operation: Any, mode: schemathesis.GenerationMode, base_url: str, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLE_COUNT, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        case.call_and_validate(base_url=base_url, headers=headers, checks=CHECKS, timeout=10)

    run()
