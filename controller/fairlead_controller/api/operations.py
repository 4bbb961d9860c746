"""OperationService: changes being carried out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fairlead.api.v1 import operations_pb2, operations_pb2_grpc
from fairlead_controller.api.messages import operation_message
from fairlead_controller.api.pages import key_in, page_size, token_after
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import CLUSTERS, OPERATIONS, missing, name_in
from fairlead_controller.model.operation import Operation, OperationState


class OperationService(operations_pb2_grpc.OperationServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetOperation(
        self, request: operations_pb2.GetOperationRequest, context: Any
    ) -> operations_pb2.GetOperationResponse:
        operation = await self._stored(name_in(OPERATIONS, request.name))
        return operations_pb2.GetOperationResponse(operation=await operation_now(self._parts, operation))

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Any
    ) -> operations_pb2.ListOperationsResponse:
        cluster = name_in(CLUSTERS, request.cluster, "cluster") if request.cluster else ""
        size, before = page_size(request.page_size), float(key_in(OPERATIONS, request.page_token) or 0.0)
        # One more than asked tells whether there are older ones.
        found = await self._parts.store.read(
            lambda repositories: repositories.operations.all(cluster, size + 1, before)
        )
        shown = found[:size]
        older = token_after(OPERATIONS, shown[-1].created_at) if len(found) > size else ""
        messages = [operation_message(operation) for operation in shown]
        return operations_pb2.ListOperationsResponse(operations=messages, next_page_token=older)

    async def WatchOperation(
        self, request: operations_pb2.WatchOperationRequest, context: Any
    ) -> AsyncIterator[operations_pb2.WatchOperationResponse]:
        identifier = name_in(OPERATIONS, request.name)
        feed, topic, last = self._parts.feed, f"operation/{identifier}", None
        while True:
            version = feed.version(topic)
            operation = await self._stored(identifier)
            message = await operation_now(self._parts, operation)
            if message != last:
                yield operations_pb2.WatchOperationResponse(operation=message)
            if operation.state is not OperationState.RUNNING:
                return
            last = message
            await feed.changed(topic, version)

    async def _stored(self, identifier: str) -> Operation:
        operation = await self._parts.store.read(lambda repositories: repositories.operations.get(identifier))
        if operation is None:
            raise missing(OPERATIONS, identifier)
        return operation


async def operation_now(parts: Parts, operation: Operation) -> operations_pb2.Operation:
    """The operation with its steps as they are now."""
    return operation_message(*await parts.reconciler.operation_view(operation))
