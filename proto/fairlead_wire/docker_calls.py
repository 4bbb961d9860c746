"""What controller and agent have to agree on about `fairlead.api.v1.DockerService`, beside its messages.

A call goes on over a relay to `RELAY_TARGET`, one message a frame: see `fairlead/agent/v1/docker.proto`.
"""

from __future__ import annotations

from collections.abc import Mapping

RELAY_TARGET = "docker"
SERVICE = "fairlead.api.v1.DockerService"
FRAME_BYTES = 256 * 1024
"""The most that a frame may have: a relay cuts what is longer, and then it is no message any more."""
BLOCK_BYTES = FRAME_BYTES - 1024
"""The most bytes of a stream in one frame: the rest is room for the messages around them."""

CHANGES: Mapping[str, bool] = {
    "ListContainers": False,
    "ListImages": False,
    "InspectDocker": False,
    "GetImageHistory": False,
    "ReadLogs": False,
    "WatchStats": False,
    "WatchDockerEvents": False,
    "CreateContainer": True,
    "StartContainer": True,
    "StopContainer": True,
    "RestartContainer": True,
    "RemoveContainer": True,
    "AttachContainer": True,
    "ExecContainer": True,
    "CommitContainer": True,
    "TagImage": True,
    "PullImage": True,
    "BuildImage": True,
}
"""Each method and whether it changes something. A node's policy `docker: read` allows those that do not."""
