"""A server that nothing can be said against, and the same with one thing wrong."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from fairlead_controller.model.node import Node, NodeRole
from fairlead_controller.model.preflight import Inspected
from fairlead_controller.plan.preflight.case import Case
from fairlead_wire.facts import Facts
from fairlead_wire.inspection import Disk, EngineDetails, Inspection, Route, SyncLatency

GIB = 2**30
FIT = Facts(
    "web-1",
    machine_id="0123456789abcdef",
    kernel="6.12.0",
    cpus=4,
    memory_bytes=8 * GIB,
    docker_version="28.1.0",
    docker_api="1.49",
    cgroup_driver="systemd",
    live_restore=True,
    address="192.0.2.11",
)
DISKS = tuple(
    Disk(path, 100 * GIB, 60 * GIB, 10_000_000, 9_000_000)
    for path in ("/var/lib/docker", "/var/lib/etcd", "/var/lib/kubelet")
)
SOUND = Inspection(
    FIT,
    systemd=True,
    disks=DISKS,
    etcd_sync=SyncLatency(50, 300, 2_000),
    routes=(Route("172.17.0.0/16", "docker0"), Route("192.0.2.0/24", "eth0"), Route("127.0.0.1/32", "lo")),
    inotify_instances=512,
)
_FACTS = {field.name for field in fields(Facts)}
_ENGINE = {field.name for field in fields(EngineDetails)}
_INSPECTION = {field.name for field in fields(Inspection)}


def inspection(**different: Any) -> Inspection:
    """A sound one with other values; names are those of facts, of the engine's details, or of the inspection."""
    facts = {name: value for name, value in different.items() if name in _FACTS}
    engine = {name: value for name, value in different.items() if name in _ENGINE}
    own = {name: value for name, value in different.items() if name in _INSPECTION}
    assert len(facts) + len(engine) + len(own) == len(different)
    return replace(SOUND, facts=replace(FIT, **facts), engine=replace(SOUND.engine, **engine), **own)


def case(role: NodeRole = NodeRole.CONTROL_PLANE, **different: Any) -> Case:
    """A case of a sound server; names may be those of `Case` too, and `clock_offset`, `round_trip`."""
    inspected = {name: different.pop(name) for name in ("clock_offset", "round_trip") if name in different}
    own = {name: different.pop(name) for name in ("network", "claimed", "others") if name in different}
    node = Node("id-web-1", "web-1", FIT)
    return Case(node, role, Inspected(inspection(**different), **inspected), **own)


def other(name: str, **facts: Any) -> Node:
    """Another node of the fleet."""
    return Node(f"id-{name}", name, replace(FIT, **({"hostname": name, "machine_id": f"of {name}"} | facts)))
