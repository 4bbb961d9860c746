"""Following an operation to its end, through restarts of the controller."""

from __future__ import annotations

import time

from fairlead.api.v1 import operations_pb2
from fairlead_cli.client import Client
from fairlead_cli.render.progress import display
from fairlead_wire.errors import FairleadError, Refused

Operation = operations_pb2.Operation


async def follow(client: Client, operation: Operation) -> Operation:
    """Shows the operation until it has ended; returns it. Raises Unreachable when the controller stays away."""
    request = operations_pb2.WatchOperationRequest(name=operation.name)
    with display(time.time) as shown:
        shown.show(operation)
        if operation.state == operations_pb2.OPERATION_STATE_RUNNING:
            async for answer in client.following(client.operations.WatchOperation, request):
                operation = answer.operation
                shown.show(operation)
    return operation


def check_succeeded(operation: Operation, command: str) -> None:
    """Raises what an operation that did not succeed means. `command`: what follows or repeats it."""
    if operation.state == operations_pb2.OPERATION_STATE_FAILED:
        raise FairleadError(
            operation.error or "The change failed.", f"Correct what it says; `{command}` goes on from here."
        )
    if operation.state == operations_pb2.OPERATION_STATE_SUPERSEDED:
        raise Refused(
            "A newer change of this cluster took the place of this one.",
            f"See it with `fairlead events --follow`; `{command}` makes it yours again.",
        )
