"""What a gRPC service says of itself."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.channel import CHANNEL_OPTIONS

_TIMEOUT_S = 2.0


def serves(address: str) -> bool:
    """Return whether the health of the server at ``host:port`` is SERVING."""
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S, wait_for_ready=True)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
