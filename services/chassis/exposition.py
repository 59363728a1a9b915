"""``GET /metrics`` on a port of its own. Loaded only where METRICS_ADDRESS is set: Prometheus's client takes memory."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate

import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from services.chassis.errors import ClipferryError
from services.chassis.lifecycle import StartError
from services.chassis.metrics import (
    METRICS,
    Counter,
    Fact,
    Gauge,
    Histogram,
    Labels,
    Level,
    Metric,
    Reading,
    Source,
    sources,
)

logger = structlog.get_logger(__name__)

_LOOK_S = 5.0
"""Longest look; Prometheus gives up after 10 s."""


@asynccontextmanager
async def exposed(address: str) -> AsyncIterator[int]:
    """Show all metrics of this process for the length of the block; yields the port.

    Requests are answered in threads; what they show is read in the loop, so that no two numbers are torn apart.

    Raises:
        StartError: If the address is taken or not valid.
    """
    host, _, port = address.rpartition(":")
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Collector(asyncio.get_running_loop()))
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, ValueError) as error:
        raise StartError(f"cannot show metrics on {address!r}: {error}; set METRICS_ADDRESS.") from error
    logger.info("Metrics are shown.", action="metrics_exposed", address=f"{host}:{server.server_port}")
    try:
        yield server.server_port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)


class _Collector(Collector):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def describe(self) -> Iterable[Family]:
        return ()  # known when somebody asks: nothing is collected when it is registered

    def collect(self) -> Iterable[Family]:
        return asyncio.run_coroutine_threadsafe(_collect(), self._loop).result(_LOOK_S)


async def _collect() -> Sequence[Family]:
    readings: dict[Gauge, dict[Labels, float]] = defaultdict(dict)
    for source in sources():
        for reading in await _read(source):
            readings[reading.gauge][reading.labels] = reading.value
    return [_family(metric, readings) for metric in METRICS.values()]


async def _read(source: Source) -> Iterable[Reading]:
    try:
        return await source()
    except ClipferryError as error:
        # The database is away, say. What else there is to see is shown all the more.
        logger.warning("Some metrics could not be read.", action="metrics_unread", reason=error.reason.name)
        return ()


def _family(metric: Metric, readings: dict[Gauge, dict[Labels, float]]) -> Family:
    if isinstance(metric, Histogram):
        histogram = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
        bounds = [*map(str, metric.bounds), "+Inf"]
        for labels, counts in metric.counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            histogram.add_metric(labels, buckets, metric.sums[labels])
        return histogram
    if isinstance(metric, Counter):
        counter = CounterMetricFamily(metric.name.removesuffix("_total"), metric.text, labels=metric.labels)
        for labels, value in metric.values.items():
            counter.add_metric(labels, value)
        return counter
    gauge = GaugeMetricFamily(metric.name, metric.text, labels=metric.labels)
    now = metric.values if isinstance(metric, (Level, Fact)) else readings[metric] if isinstance(metric, Gauge) else {}
    for labels, value in now.items():
        gauge.add_metric(labels, value)
    return gauge
