"""How many processors there should be, told to KEDA: every job that has not ended counts, whether it waits or runs.

Running ones count too, or a scaler would take away the processors that work on them.
"""

from collections.abc import AsyncIterator, Mapping

import grpc

from clipferry.keda import externalscaler_pb2 as pb
from clipferry.keda import externalscaler_pb2_grpc as pb_grpc
from services.chassis.clock import Clock
from services.chassis.errors import field_invalid
from services.queue.core.hub import Filter, Hub
from services.queue.core.job import ENDED, State
from services.queue.core.ports import JobStore
from services.queue.core.statistics import Stats

METRIC = "clipferry-jobs"
_TARGET = "targetPerReplica"
_DEFAULT_TARGET = "3"
"""What a processor runs at once by default."""
_ONLY_STATS = Filter(owners=frozenset(), stats=True)


class ExternalScalerServicer(pb_grpc.ExternalScalerServicer):
    """Answers KEDA.

    Args:
        store: Counts jobs.
        hub: Tells when the numbers change.
        clock: Tells a stream's age.
        max_age_s: When a stream ends by itself.
    """

    def __init__(self, store: JobStore, hub: Hub[Stats], clock: Clock, *, max_age_s: float) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock
        self._max_age_s = max_age_s

    async def IsActive(self, _request: pb.ScaledObjectRef, _context: grpc.aio.ServicerContext) -> pb.IsActiveResponse:
        return pb.IsActiveResponse(result=await self._count() > 0)

    async def StreamIsActive(
        self, _request: pb.ScaledObjectRef, _context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.IsActiveResponse]:
        ends_at_s = self._clock.monotonic_s() + self._max_age_s
        with self._hub.watch(_ONLY_STATS, after=self._hub.last_sequence) as watcher:
            is_active = await self._count() > 0
            yield pb.IsActiveResponse(result=is_active)
            while not self._hub.closed and (left_s := ends_at_s - self._clock.monotonic_s()) > 0:
                stats = (await watcher.batch(idle_s=left_s)).stats
                if stats is not None and (unended(stats.jobs_by_state) > 0) is not is_active:
                    is_active = not is_active
                    yield pb.IsActiveResponse(result=is_active)

    async def GetMetricSpec(
        self, request: pb.ScaledObjectRef, _context: grpc.aio.ServicerContext
    ) -> pb.GetMetricSpecResponse:
        target = _target(request.scalerMetadata)
        spec = pb.MetricSpec(metricName=METRIC, targetSize=max(1, round(target)), targetSizeFloat=target)
        return pb.GetMetricSpecResponse(metricSpecs=[spec])

    async def GetMetrics(
        self, request: pb.GetMetricsRequest, _context: grpc.aio.ServicerContext
    ) -> pb.GetMetricsResponse:
        if request.metricName != METRIC:
            raise field_invalid("metricName", f"must be {METRIC}", request.metricName)
        count = await self._count()
        value = pb.MetricValue(metricName=METRIC, metricValue=count, metricValueFloat=count)
        return pb.GetMetricsResponse(metricValues=[value])

    async def _count(self) -> int:
        return unended((await self._store.totals()).jobs_by_state)


def unended(jobs_by_state: Mapping[State, int]) -> int:
    """Return how many jobs wait or run."""
    return sum(count for state, count in jobs_by_state.items() if state not in ENDED)


def _target(metadata: Mapping[str, str]) -> float:
    text = metadata.get(_TARGET, _DEFAULT_TARGET)
    try:
        target = float(text)
    except ValueError:
        target = 0.0
    if not 0 < target <= 1_000:
        raise field_invalid(_TARGET, "must be a number above 0 and at most 1000", text)
    return target
