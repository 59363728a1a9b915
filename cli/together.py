"""All services in one process: the composition root of ``clipferry up``."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
import uvloop
from pydantic import Field, SecretStr

from cli.credentials import KEY_PREFIX
from cli.gateway import Gateway
from cli.run_state import only_run, published
from cli.target import Target, key_credentials
from gateway.config import GatewaySettings
from gateway.service import gateway_service
from services.chassis.lifecycle import StartError, run_until_signalled
from services.chassis.logs import set_up_logs
from services.chassis.observing import observing
from services.chassis.settings import Settings, SettingsError, load
from services.notifier.config import NotifierSettings
from services.notifier.service import notifier_service
from services.processor.config import ProcessorSettings
from services.processor.service import processor_service
from services.queue.config import QueueSettings
from services.queue.service import queue_service

logger = structlog.get_logger(__name__)

_ANY_PORT = "127.0.0.1:0"


class TogetherSettings(Settings):
    """What the whole can be told beside what its services can be told."""

    var_dir: Path = Field(Path("var"), validation_alias="VAR_DIR")
    """Directory of databases, and in its ``run`` of state. Default var."""


@dataclass(frozen=True)
class AllSettings:
    """Settings of everything."""

    whole: TogetherSettings
    queue: QueueSettings
    notifier: NotifierSettings
    processor: ProcessorSettings
    gateway: GatewaySettings


class ServiceFailedError(Exception):
    """A service has ended by a fault. The message says which, and how."""


def main() -> None:
    """Run until signalled. Exit status as of each service: 0 after a signal, 78 if it cannot start, 1 on a fault."""
    try:
        settings = _load_all()
    except SettingsError as error:
        sys.stderr.write(f"clipferry: the settings are wrong:\n{error}\n")
        raise SystemExit(78) from None
    set_up_logs(service="clipferry", level=settings.whole.log_level)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        # The gateway, then the processor may take this time each.
        asyncio.run(run_until_signalled(_found(settings), drain_s=2 * settings.whole.drain_s))
    except StartError as error:
        logger.error("The services cannot start.", action="start_failed", cause=str(error))
        sys.stderr.write(f"clipferry: {error}\n")
        raise SystemExit(78) from None
    except ServiceFailedError as error:
        logger.error("A service failed.", action="service_failed", exc_info=error)
        sys.stderr.write(f"clipferry: {error}\n")
        raise SystemExit(1) from None


_S = TypeVar("_S", bound=Settings)


def _load_all() -> AllSettings:
    mistakes: dict[str, None] = {}

    def loaded(settings: type[_S]) -> Any:
        try:
            return load(settings)
        except SettingsError as error:
            mistakes.update(dict.fromkeys(str(error).splitlines()))
            return None

    kinds = (TogetherSettings, QueueSettings, NotifierSettings, ProcessorSettings, GatewaySettings)
    found = [loaded(kind) for kind in kinds]
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return AllSettings(*found)


@asynccontextmanager
async def _found(settings: AllSettings) -> AsyncIterator[None]:
    """Run everything, found by other commands of this machine, and say where it is."""
    run_dir = settings.whole.var_dir / "run"
    with only_run(run_dir):
        api_key = settings.gateway.admin_api_key or SecretStr(f"{KEY_PREFIX}{secrets.token_urlsafe(32)}")
        key = api_key.get_secret_value()
        async with observing("all", settings.whole), together(settings, api_key) as addresses:
            url = f"http://{addresses['gateway']}"
            services = {name: address for name, address in addresses.items() if name != "gateway"}
            store = _gateway_settings(settings).store_url
            with published(run_dir, gateway_url=url, gateway_store=store, api_key=key, services=services):
                code = await asyncio.to_thread(_pairing_code, url, key)
                _point_out(url, code, is_key_given=settings.gateway.admin_api_key is not None)
                yield


@asynccontextmanager
async def together(settings: AllSettings, api_key: SecretStr) -> AsyncIterator[Mapping[str, str]]:
    """Run all services for the length of the block; yields ``host:port`` of each by its name.

    What one is told of another is set here; listening addresses and databases only where nobody did. The services talk
    over loopback with a token that nobody else knows, unless SERVICE_TOKEN is set.

    Raises:
        StartError: In the words of the service that cannot start, with its name.
        ServiceFailedError: When one of them fails while it runs.
    """
    token = settings.whole.service_token or SecretStr(secrets.token_urlsafe(32))
    var_dir = settings.whole.var_dir
    addresses: dict[str, str] = {}
    async with AsyncExitStack() as stack:

        async def enter(name: str, service: AbstractAsyncContextManager[int], host: str) -> None:
            port = await stack.enter_async_context(named(name, service))
            addresses[name] = f"{host}:{port}"

        queue = _told(settings.queue, service_token=token)
        queue = _unless_set(queue, listen_address=_ANY_PORT, database_url=_sqlite(var_dir / "queue.db"))
        await enter("queue", queue_service(queue), _host(queue.listen_address))
        notifier = _unless_set(_told(settings.notifier, service_token=token), listen_address=_ANY_PORT)
        await enter("notifier", notifier_service(notifier), _host(notifier.listen_address))
        processor = _told(
            settings.processor,
            service_token=token,
            queue_target=addresses["queue"],
            notifier_target=addresses["notifier"],
        )
        processor = _unless_set(processor, listen_address=_ANY_PORT)
        await enter("processor", processor_service(processor), _host(processor.listen_address))
        gateway = _told(
            _gateway_settings(settings),
            service_token=token,
            admin_api_key=api_key,
            queue_target=addresses["queue"],
            processor_target=addresses["processor"],
        )
        await enter("gateway", gateway_service(gateway), _reachable(gateway.host))
        yield addresses


def _told(settings: _S, **values: object) -> _S:
    return settings.model_copy(update=values)


def _unless_set(settings: _S, **values: object) -> _S:
    return _told(settings, **{name: value for name, value in values.items() if name not in settings.model_fields_set})


def _gateway_settings(settings: AllSettings) -> GatewaySettings:
    return _unless_set(settings.gateway, gateway_database_url=_sqlite(settings.whole.var_dir / "gateway.db"))


def _sqlite(path: Path) -> SecretStr:
    return SecretStr(f"sqlite:///{path}")


def _host(address: str) -> str:
    return _reachable(address.rpartition(":")[0])


def _reachable(host: str) -> str:
    """Return a listening host as it is reached from this machine."""
    known = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}  # noqa: S104 - recognised, not bound
    return known.get(host, f"[{host}]" if ":" in host and not host.startswith("[") else host)


@asynccontextmanager
async def named(name: str, service: AbstractAsyncContextManager[int]) -> AsyncIterator[int]:
    """Run a service; whatever ends it says its name."""
    inner: BaseException | None = None
    try:
        async with service as port:
            try:
                yield port
            except BaseException as error:
                inner = error
                raise
    except Exception as error:
        if inner is not None and _holds(error, inner):
            raise inner from inner.__cause__
        if isinstance(error, StartError):
            raise StartError(f"{name}: {error}") from error
        raise ServiceFailedError(f"the {name} failed: {type(error).__name__}: {error}") from error


def _holds(error: Exception, inner: BaseException) -> bool:
    """Return whether an error is `inner`: a service that has a task group passes what is not its own on in a group."""
    if isinstance(error, ExceptionGroup):
        return error.subgroup(lambda each: each is inner) is not None
    return error is inner


def _pairing_code(url: str, api_key: str) -> str:
    with Gateway(Target(url, key_credentials(api_key), {})) as gateway:
        return str(gateway.call("POST", "/api/auth/pair", body={}, repeats=False)["pairingCode"])


def _point_out(url: str, code: str, *, is_key_given: bool) -> None:
    rows = [
        ("live page", f"{url}/#pair={code}"),
        ("API", f"{url}/docs"),
        ("admin key", "the one in ADMIN_API_KEY" if is_key_given else "made for this run; `clipferry` uses it here"),
        ("another code", "clipferry pair"),
        ("stop", "Ctrl-C"),
    ]
    sys.stderr.write("".join(f"  {name:<13}{text}\n" for name, text in rows))
