"""Server reflection, for whoever calls by hand: what a server has, and in which messages it speaks."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc

SERVICE_NAME = "grpc.reflection.v1alpha.ServerReflection"


class Reflection(reflection_pb2_grpc.ServerReflectionServicer):
    """gRPC's own, loaded with the first call: what describes messages takes 0.8 MB, and few ever ask.

    Args:
        names: Full names of the services that are there. Reflection is added.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = (*names, SERVICE_NAME)

    async def ServerReflectionInfo(  # noqa: N802 - named by the proto
        self, request_iterator: AsyncIterator[Any], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        """Answer each question."""
        from grpc_reflection.v1alpha import reflection  # noqa: PLC0415 - 2 ms, where somebody asks

        async for answer in reflection.aio.ReflectionServicer(self._names).ServerReflectionInfo(
            request_iterator, context
        ):
            yield answer


def add_reflection(names: Sequence[str], server: grpc.aio.Server) -> None:
    """Let `server` tell of the services `names`."""
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(Reflection(names), server)
