"""Every check by its name, and what all of them say of one node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fairlead_controller.model.preflight import Finding, Severity
from fairlead_controller.plan.preflight import engine, network, storage, system
from fairlead_controller.plan.preflight.case import Case, Check, Fault, warning

REACHABLE = "reachable"
"""That the agent answers at all: found by who asks it."""


def inspection(case: Case) -> Iterator[Fault]:
    for gap in case.seen.gaps:
        yield warning(
            f"A part of the server could not be looked at: {gap.rstrip('.')}.",
            "See `docker logs fairlead-agent` on the server; an agent of the controller's version can look at all.",
        )


CHECKS: Mapping[str, Check] = {
    "docker": engine.docker,
    "image-store": engine.image_store,
    "logging-driver": engine.logging_driver,
    "user-namespaces": engine.user_namespaces,
    "live-restore": engine.live_restore,
    "mount-propagation": engine.mount_propagation,
    "memory": system.memory,
    "processors": system.processors,
    "cgroups": system.cgroups,
    "kernel": system.kernel,
    "swap": system.swap,
    "inotify": system.inotify,
    "clock": system.clock,
    "machine-id": system.machine_id,
    "host-name": system.host_name,
    "disk-space": storage.disk_space,
    "etcd-disk": storage.etcd_disk,
    "etcd-data": storage.etcd_data,
    "leftovers": storage.leftovers,
    "ports": network.taken_ports,
    "address-ranges": network.address_ranges,
    "forwarding": network.forwarding,
    "inspection": inspection,
}
NAMES = (REACHABLE, *CHECKS)


def examine(case: Case) -> tuple[Finding, ...]:
    """All that stands in the way on this node, errors first."""
    return ordered(_finding(name, case, fault) for name, check in CHECKS.items() for fault in check(case))


def unreachable(node: str, reason: str, cure: str) -> Finding:
    """The finding for a node whose agent does not answer."""
    return Finding(REACHABLE, Severity.ERROR, node, reason, cure)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, otherwise as they come."""
    return tuple(sorted(findings, key=lambda finding: not finding.is_error))


def unskipped(findings: Iterable[Finding], skipped: Iterable[str]) -> tuple[Finding, ...]:
    """The errors for which nobody has taken responsibility."""
    names = frozenset(skipped)
    return tuple(finding for finding in findings if finding.is_error and finding.check not in names)


def unknown_names(names: Iterable[str]) -> tuple[str, ...]:
    """Those that are names of no check."""
    return tuple(name for name in names if name not in NAMES)


def _finding(name: str, case: Case, fault: Fault) -> Finding:
    return Finding(name, fault.severity, case.node.name, fault.reason, fault.cure)
