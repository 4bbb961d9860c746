"""Preflight: asks agents what their hosts are like, and has the planner's checks judge it before anything is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairlead.api.v1 import nodes_pb2
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.planning import Plan
from fairlead_controller.api.resource_names import NODES, resource_name
from fairlead_controller.model.cluster_spec import Network
from fairlead_controller.model.node import Fleet, Node, NodeRole
from fairlead_controller.model.preflight import Finding, Inspected
from fairlead_controller.plan import placement
from fairlead_controller.plan.preflight.case import Case
from fairlead_controller.plan.preflight.table import (
    NAMES,
    examine,
    ordered,
    unknown_names,
    unreachable,
    unskipped,
)
from fairlead_wire.errors import FairleadError, Invalid, Problem, Refused, Unreachable

INSPECT_SECONDS = 10.0
"""An agent gives itself 5 s; the rest is for the way and for a second one who asks."""
AT_ONCE = 64


@dataclass(frozen=True)
class Examinee:
    """A node, the role and the network that it is examined for, and whether it is in that cluster already."""

    node: Node
    role: NodeRole
    network: Network
    claimed: bool = False


@dataclass(frozen=True)
class Examined:
    """What was found; `inspected` None: its agent did not answer."""

    examinee: Examinee
    findings: tuple[Finding, ...]
    inspected: Inspected | None = None


async def examined(parts: Parts, examinees: Sequence[Examinee], fleet: Fleet) -> tuple[Examined, ...]:
    """All of them, side by side, in their order."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(examinee: Examinee) -> Examined:
        async with places:
            return await _examined(parts, examinee, fleet)

    return tuple(await asyncio.gather(*map(one, examinees)))


async def findings(parts: Parts, plan: Plan) -> tuple[Finding, ...]:
    """Of the nodes that would join the cluster, errors first. Those that are in it are no matter of preflight."""
    fleet, network = plan.snapshot.fleet, plan.source.spec.spec.network
    known = {claim.node_id for claim in fleet.claims}
    claims = placement.place(plan.snapshot.cluster, fleet).claims
    joining = [
        Examinee(fleet.node(claim.node_id), claim.role, network) for claim in claims if claim.node_id not in known
    ]
    return ordered(finding for each in await examined(parts, joining, fleet) for finding in each.findings)


def check_names(names: Iterable[str]) -> None:
    """Raises Invalid for what is the name of no check."""
    if unknown := unknown_names(names):
        raise Invalid(
            f"There is no check called {', '.join(unknown)}.",
            f"Skip any of: {', '.join(NAMES)}.",
            [Problem("skip_checks", f"{name} is no check") for name in unknown],
        )


def check_fit(cluster: str, found: Iterable[Finding], skipped: Sequence[str]) -> None:
    """Raises Refused with every error for which nobody has taken responsibility."""
    if errors := unskipped(found, skipped):
        names = " ".join(f"--skip-check {name}" for name in dict.fromkeys(finding.check for finding in errors))
        raise Refused(
            f"Cluster {cluster} would not work on the servers as they are; nothing was changed.",
            f"Do what it says and apply again, or take responsibility for it with `{names}`.",
            [Problem(finding.node, f"[{finding.check}] {finding.reason} {finding.cure}") for finding in errors],
        )


def overruled(found: Iterable[Finding], skipped: Sequence[str]) -> str:
    """The sentence for the event log about errors that somebody takes responsibility for; empty for none."""
    said = [
        f"{finding.check} on {finding.node} ({finding.reason.rstrip('.')})" for finding in found if finding.is_error
    ]
    return f"Applied in spite of failed checks: {'; '.join(said)}." if skipped and said else ""


def finding_message(finding: Finding) -> nodes_pb2.Finding:
    return nodes_pb2.Finding(
        check=finding.check,
        severity=nodes_pb2.Severity.Value(f"SEVERITY_{finding.severity.name}"),
        node=finding.node,
        reason=finding.reason,
        cure=finding.cure,
    )


def check_message(each: Examined) -> nodes_pb2.NodeCheck:
    return nodes_pb2.NodeCheck(
        node=resource_name(NODES, each.examinee.node.name),
        role=each.examinee.role.value,
        findings=[finding_message(finding) for finding in each.findings],
        clock_offset_seconds=each.inspected.clock_offset if each.inspected else 0.0,
    )


async def _examined(parts: Parts, examinee: Examinee, fleet: Fleet) -> Examined:
    node = examinee.node
    try:
        inspected = await parts.inspections.inspect(node.id, INSPECT_SECONDS)
    except (Unreachable, Refused) as error:
        return Examined(examinee, (_unreachable(node, error),))
    others = tuple(other for other in fleet.nodes if other.id != node.id and not other.revoked)
    case = Case(node, examinee.role, inspected, examinee.network, examinee.claimed, others)
    return Examined(examinee, examine(case), inspected)


def _unreachable(node: Node, error: FairleadError) -> Finding:
    cure = error.next_step or "See the agent's log with `docker logs fairlead-agent` on the server."
    return unreachable(node.name, error.message, cure)
