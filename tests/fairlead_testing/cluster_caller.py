"""Calls of an admin about clusters, over real gRPC."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from fairlead.api.v1 import clusters_pb2, operations_pb2
from fairlead.api.v1.clusters_pb2_grpc import ClusterServiceStub
from fairlead.api.v1.nodes_pb2_grpc import NodeServiceStub
from fairlead.api.v1.operations_pb2_grpc import OperationServiceStub
from fairlead_wire.errors import FairleadError
from fairlead_wire.status import from_rpc_error

SPEC = """\
apiVersion: fairlead/v1
kind: Cluster
metadata: {name: lab}
spec:
  kubernetes: v1.37.2
"""
OTHER = SPEC + '  components: {kube-apiserver: {args: {audit-log-maxage: "30"}}}\n'
RUNNING, SUCCEEDED, SUPERSEDED = (
    operations_pb2.OPERATION_STATE_RUNNING,
    operations_pb2.OPERATION_STATE_SUCCEEDED,
    operations_pb2.OPERATION_STATE_SUPERSEDED,
)


def source(text: str = SPEC, **files: str) -> clusters_pb2.ClusterSource:
    return clusters_pb2.ClusterSource(spec_yaml=text, file_name="cluster.yaml", files=files)


class Caller:
    """Calls of an admin."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.clusters, self.operations = ClusterServiceStub(channel), OperationServiceStub(channel)
        self.nodes = NodeServiceStub(channel)

    async def plan(self, text: str = SPEC) -> clusters_pb2.PlanClusterResponse:
        return await self.clusters.PlanCluster(clusters_pb2.PlanClusterRequest(source=source(text)))

    async def apply(self, text: str = SPEC, **request: Any) -> clusters_pb2.ApplyClusterResponse:
        return await self.clusters.ApplyCluster(clusters_pb2.ApplyClusterRequest(source=source(text), **request))

    async def end_of(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        """Watches until the controller ends the stream."""
        async with asyncio.timeout(20):
            async for answer in self.operations.WatchOperation(
                operations_pb2.WatchOperationRequest(name=operation.name)
            ):
                operation = answer.operation
        return operation

    async def get(self) -> clusters_pb2.Cluster:
        return (await self.clusters.GetCluster(clusters_pb2.GetClusterRequest(name="clusters/lab"))).cluster

    async def carried_out(self, text: str = SPEC) -> operations_pb2.Operation:
        operation = await self.end_of((await self.apply(text)).operation)
        assert operation.state == SUCCEEDED, operation
        return operation

    async def refused(self, call: Any) -> FairleadError:
        with pytest.raises(grpc.RpcError) as caught:
            await call
        return from_rpc_error(caught.value)
