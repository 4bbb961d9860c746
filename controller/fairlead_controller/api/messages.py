"""Values of `model/` → messages of `fairlead.api.v1`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from fairlead.api.v1 import clusters_pb2, events_pb2, nodes_pb2, operations_pb2
from fairlead_controller.api.resource_names import CLUSTERS, NODES, OPERATIONS, TOKENS, resource_name
from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import TokenRecord
from fairlead_controller.model.move import Move
from fairlead_controller.model.node import Node
from fairlead_controller.model.operation import Operation, Step

SHORT_HASH = 12


def timestamp(seconds: float) -> Timestamp | None:
    """Seconds since 1970 as a message; None (an unset field) for 0, "never"."""
    if not seconds:
        return None
    message = Timestamp()
    message.FromMicroseconds(round(seconds * 1_000_000))
    return message


def event_message(event: Event) -> events_pb2.Event:
    return events_pb2.Event(
        id=event.id,
        time=timestamp(event.at),
        kind=event.kind,
        cluster=event.cluster,
        node=event.node,
        component=event.component,
        message=event.message,
        cause_id=event.cause_id,
        principal=event.principal,
    )


def move_message(move: Move, details: Iterable[str] = ()) -> clusters_pb2.Move:
    return clusters_pb2.Move(
        action=clusters_pb2.MoveAction.Value(f"MOVE_ACTION_{move.action.name}"),
        node=move.node,
        component=move.component,
        from_hash=move.from_hash,
        to_hash=move.to_hash,
        outage=move.outage,
        waits_for=move.waits_for,
        details=details,
    )


def operation_message(operation: Operation, steps: Iterable[Step] = ()) -> operations_pb2.Operation:
    return operations_pb2.Operation(
        name=resource_name(OPERATIONS, operation.id),
        cluster=resource_name(CLUSTERS, operation.cluster),
        kind=operations_pb2.OperationKind.Value(f"OPERATION_KIND_{operation.kind.name}"),
        revision=operation.revision,
        state=operations_pb2.OperationState.Value(f"OPERATION_STATE_{operation.state.name}"),
        error=operation.error,
        steps=[step_message(step) for step in steps],
        create_time=timestamp(operation.created_at),
        end_time=timestamp(operation.ended_at),
    )


def step_message(step: Step) -> operations_pb2.Step:
    return operations_pb2.Step(
        node=step.node,
        component=step.component,
        state=step.state,
        message=step.message,
        since=timestamp(step.since),
    )


def node_message(
    node: Node, cluster: str, reachable: bool, last_seen: float, orphans: Iterable[str] = ()
) -> nodes_pb2.Node:
    facts = node.facts
    return nodes_pb2.Node(
        name=resource_name(NODES, node.name),
        id=node.id,
        state=nodes_pb2.NODE_STATE_REACHABLE if reachable else nodes_pb2.NODE_STATE_UNREACHABLE,
        cluster=resource_name(CLUSTERS, cluster),
        wanted_cluster=node.wanted_cluster,
        labels=dict(node.labels),
        address=node.address,
        os=facts.os,
        kernel=facts.kernel,
        architecture=facts.architecture,
        cpus=facts.cpus,
        memory_bytes=facts.memory_bytes,
        docker_version=facts.docker_version,
        agent_version=facts.agent_version,
        last_seen_time=timestamp(last_seen),
        create_time=timestamp(node.enrolled_at),
        certificate_expire_time=timestamp(node.certificate_ends),
        orphans=orphans,
    )


def token_message(token: TokenRecord, node: str = "") -> nodes_pb2.Token:
    """`node`: the name of the node that used it. A revoked token counts as ended when it was revoked."""
    return nodes_pb2.Token(
        name=resource_name(TOKENS, token.id),
        labels=dict(token.labels),
        cluster=token.cluster,
        create_time=timestamp(token.created_at),
        expire_time=timestamp(min(token.expires_at, token.revoked_at or token.expires_at)),
        use_time=timestamp(token.used_at),
        node=resource_name(NODES, node),
        creator=token.creator,
    )
