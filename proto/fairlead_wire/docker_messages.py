"""What the first message of a call of DockerService is, on either side of its relay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from fairlead.api.v1 import docker_pb2

METHODS = docker_pb2.DESCRIPTOR.services_by_name["DockerService"].methods
REQUESTS: Mapping[str, type[Message]] = {method.name: GetMessageClass(method.input_type) for method in METHODS}
"""By method."""


def asked(request: Any) -> Any:
    """What names the node: the request itself, or the target that a stream begins with; None if that is not set."""
    if "target" not in request.DESCRIPTOR.fields_by_name:
        return request
    return request.target if request.HasField("target") else None
