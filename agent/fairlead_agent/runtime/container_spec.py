"""TaskSpec → the body of Docker's "create a container", and Docker's "inspect" and "events" → our values. Pure.

Why these values:
- network of the host: components are part of the host; nothing of Docker's networks or rules is needed for them
- `Mounts` of type bind, never `Binds`: a missing source is an error, not a directory that Docker makes
- user 0:0: keys are 0600 and belong to root; some upstream images would run as another user
- health check off: probes are the agent's, and the images have no shell to run one
- no SELinux label: components read the host's own files, which have others
- the kernel takes a pod's memory before a component's
- cgroup namespace of the host for privileged ones: a kubelet in its own would take its subtree for the root
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fairlead_agent.runtime.port import Container, ContainerStatus, RuntimeEvent
from fairlead_wire.task import Limits, Mount, Propagation, TaskKind, TaskSpec

CLUSTER_LABEL = "fairlead.cluster"
COMPONENT_LABEL = "fairlead.component"
HASH_LABEL = "fairlead.hash"
KIND_LABEL = "fairlead.kind"

OOM_SCORE = -997
"""What kubelet gives to pods that a node can't do without (kubelet's qos package, guaranteedOOMScoreAdj)."""

_PROPAGATION = {
    Propagation.PRIVATE: "rprivate",
    Propagation.SLAVE: "rslave",
    Propagation.SHARED: "rshared",
}
_STATUS = {status.value: status for status in ContainerStatus} | {"removing": ContainerStatus.DEAD}
_NEVER = "0001-01-01T00:00:00Z"
"""What Docker writes for a time that has not come."""


def create_body(cluster: str, spec: TaskSpec) -> dict[str, Any]:
    """The body of POST /containers/create, for API 1.41 and newer."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "User": "0:0",
        "Cmd": list(spec.args),
        "Env": [f"{variable.name}={variable.value}" for variable in spec.env],
        "Labels": labels(cluster, spec),
        "StopTimeout": spec.limits.stop_seconds,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(spec),
    }
    if spec.entrypoint:
        body["Entrypoint"] = list(spec.entrypoint)
    return body


def labels(cluster: str, spec: TaskSpec) -> dict[str, str]:
    """By these the agent finds its containers again after its own restart."""
    return {
        CLUSTER_LABEL: cluster,
        COMPONENT_LABEL: spec.component,
        HASH_LABEL: spec.hash,
        KIND_LABEL: spec.kind.value,
    }


def container(inspected: Mapping[str, Any]) -> Container:
    """One of our containers from GET /containers/{id}/json."""
    config, state = inspected["Config"], inspected["State"]
    carried = config.get("Labels") or {}
    return Container(
        id=inspected["Id"],
        name=inspected["Name"].lstrip("/"),
        cluster=carried.get(CLUSTER_LABEL, ""),
        component=carried.get(COMPONENT_LABEL, ""),
        hash=carried.get(HASH_LABEL, ""),
        image=config["Image"],
        status=_STATUS.get(state["Status"], ContainerStatus.DEAD),
        exit_code=state.get("ExitCode", 0),
        restarts=inspected.get("RestartCount", 0),
        started_ms=milliseconds(state.get("StartedAt", _NEVER)),
    )


def event(raw: Mapping[str, Any]) -> RuntimeEvent:
    """One line of GET /events; "exec_create: sh -c …" is only the action "exec_create"."""
    actor = raw["Actor"]
    attributes = actor.get("Attributes") or {}
    action = raw["Action"].partition(":")[0]
    return RuntimeEvent(action, actor["ID"], attributes.get(COMPONENT_LABEL, ""), int(attributes.get("exitCode", 0)))


def milliseconds(moment: str) -> int:
    """Docker's time, for example "2025-03-01T10:00:00.123456789Z", as milliseconds since 1970; 0 for never."""
    if not moment or moment.startswith("0001-"):
        return 0
    seconds, _, rest = moment.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if rest else ""
    whole = datetime.fromisoformat((seconds + zone).replace("Z", "+00:00"))
    return int(whole.timestamp()) * 1000 + int((digits + "000")[:3])


def _host_config(spec: TaskSpec) -> dict[str, Any]:
    host: dict[str, Any] = {
        "NetworkMode": "host",
        "RestartPolicy": {"Name": "no" if spec.kind is TaskKind.JOB else "always"},
        "LogConfig": _log_config(spec.limits),
        "Mounts": [_mount(mount) for mount in spec.mounts],
        "Privileged": spec.privileged,
        "SecurityOpt": ["label=disable"],
    }
    if spec.kind is TaskKind.SERVICE:
        host["OomScoreAdj"] = OOM_SCORE
    if spec.host_pid:
        host["PidMode"] = "host"
    if spec.privileged:
        host["CgroupnsMode"] = "host"
    if spec.limits.memory_bytes:
        host["Memory"] = spec.limits.memory_bytes
    return host


def _log_config(limits: Limits) -> dict[str, Any]:
    return {
        "Type": "json-file",
        "Config": {"max-size": str(limits.log_bytes), "max-file": str(limits.log_files)},
    }


def _mount(mount: Mount) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        "BindOptions": {"Propagation": _PROPAGATION[mount.propagation]},
    }
