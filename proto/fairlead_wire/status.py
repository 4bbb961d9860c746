"""FairleadError ↔ gRPC status with rich details (google.rpc ErrorInfo, BadRequest; AIP-193)."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from fairlead_wire.errors import BY_CODE, FairleadError, Problem, Unreachable

DOMAIN = "fairlead.dev"


def to_status(error: FairleadError) -> Any:
    """The grpc.Status that `context.abort_with_status` takes."""
    details = [
        _packed(
            error_details_pb2.ErrorInfo(
                reason=type(error).__name__.upper(), domain=DOMAIN, metadata={"next_step": error.next_step}
            )
        )
    ]
    if error.problems:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=problem.where, description=problem.what)
            for problem in error.problems
        ]
        details.append(_packed(error_details_pb2.BadRequest(field_violations=violations)))
    return rpc_status.to_status(
        status_pb2.Status(code=code_pb2.Code.Value(error.code), message=error.message, details=details)
    )


def from_rpc_error(error: grpc.RpcError) -> FairleadError:
    """The error that the server meant; what no server sent (nobody there, deadline) becomes Unreachable."""
    call: Any = error
    code: grpc.StatusCode = call.code()
    status = rpc_status.from_call(call) if callable(getattr(call, "trailing_metadata", None)) else None
    next_step, problems = _details(status)
    kind = BY_CODE.get(code.name, FairleadError)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        kind = Unreachable
    result = kind(call.details() or code.name, next_step, problems)
    result.code = code.name
    return result


def _details(status: Any) -> tuple[str, list[Problem]]:
    next_step, problems = "", []
    for packed in status.details if status is not None else ():
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if packed.Unpack(info):
            next_step = info.metadata.get("next_step", "")
        elif packed.Unpack(bad):
            problems = [Problem(item.field, item.description) for item in bad.field_violations]
    return next_step, problems


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
