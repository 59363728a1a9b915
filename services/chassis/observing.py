"""What lets people look into a process while it runs: metrics and traces, as the settings have them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.chassis.settings import Settings


@asynccontextmanager
async def observing(service: str, settings: Settings) -> AsyncIterator[int]:
    """Show metrics and send traces for the length of the block; yields the port of the metrics, 0 where there is none.

    Once in a process, around all of its services.

    Args:
        service: Name of the process.

    Raises:
        StartError: If the address of the metrics is taken or not valid.
    """
    async with AsyncExitStack() as stack:
        port = 0
        # Each is loaded only where it is wanted: they take longer to load, and more memory, than a service itself.
        if settings.otlp_endpoint:
            from services.chassis.otel import tracing  # noqa: PLC0415

            await stack.enter_async_context(tracing(service, settings.otlp_endpoint))
        if settings.metrics_address:
            from services.chassis.build import tell_build  # noqa: PLC0415
            from services.chassis.exposition import exposed  # noqa: PLC0415
            from services.chassis.loop_watch import loop_watched  # noqa: PLC0415

            tell_build()
            await stack.enter_async_context(loop_watched())
            port = await stack.enter_async_context(exposed(settings.metrics_address))
        yield port
