"""From an accepted spec to the end of its operation: the real planner, real gRPC, agents that say what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.operation import Operation, OperationState
from fairlead_testing.fake_agent import FakeAgent, everything_well
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_testing.lab_cluster import accepted, deleted, lab_spec
from fairlead_wire.assignment import Assignment, Observation, Subject
from fairlead_wire.facts import Facts
from fairlead_wire.task import TaskState

FACTS = Facts("node-1", address="192.0.2.1", docker_version="26.1.5", docker_api="1.45")
TOLD_SECONDS = 20.0


def apply(server: FleetServer, declared: ClusterSpec) -> Operation:
    """Accepts a revision as the API does, and wakes its cluster."""
    operation = server.store.now(lambda repositories: accepted(repositories, declared, server.clock))
    server.reconciler.wake(declared.name, operation.cause_id)
    return operation


def delete(server: FleetServer) -> Operation:
    operation = server.store.now(lambda repositories: deleted(repositories, "lab", server.clock))
    server.reconciler.wake("lab", operation.cause_id)
    return operation


def stored(server: FleetServer, operation: Operation) -> Operation:
    found = server.store.now(lambda repositories: repositories.operations.get(operation.id))
    assert found is not None
    return found


async def ended(server: FleetServer, operation: Operation) -> Operation:
    """The operation, once it runs no more."""
    topic = f"operation/{operation.id}"
    async with asyncio.timeout(TOLD_SECONDS):
        while True:
            version = server.feed.version(topic)
            if (now := stored(server, operation)).state is not OperationState.RUNNING:
                return now
            await server.feed.changed(topic, version)


def agent_of(server: FleetServer, name: str = "node-1") -> tuple[str, FakeAgent]:
    facts = replace(FACTS, hostname=name, address=f"192.0.2.{name[-1]}")
    node, credentials = server.node(name)
    server.store.now(lambda repositories: repositories.nodes.put(replace(node, facts=facts, wanted_cluster="lab")))
    return node.id, FakeAgent(server.fleet_endpoint, credentials, facts)


@asynccontextmanager
async def obeying(agent: FakeAgent, report: object = everything_well) -> AsyncIterator[None]:
    task = asyncio.create_task(agent.obey(report))  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def failing(component: str) -> object:
    def report(assignment: Assignment) -> Iterable[Observation]:
        for task in assignment.tasks:
            if task.component == component:
                why = "exit code 1: cannot bind port 6443; end what has it"
                yield Observation(Subject.TASK, task.component, task.hash, TaskState.FAILED, why)

    return report


async def test_a_spec_is_carried_out_and_its_operation_succeeds() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with obeying(agent):
            await server.event("node-connected")
            operation = await ended(server, apply(server, lab_spec()))
        assignment = server.store.now(lambda repositories: repositories.assignments.get(node_id))
        claims = server.store.now(lambda repositories: repositories.claims.all())
        moves = server.store.now(lambda repositories: repositories.moves.of(operation.id))
        _, steps = await server.reconciler.operation_view(operation)
    assert operation.state is OperationState.SUCCEEDED, operation.error
    assert operation.ended_at >= operation.created_at
    assert [claim.node_id for claim in claims] == [node_id]
    assert {"etcd", "kube-apiserver", "kubelet"} <= {task.component for task in assignment.tasks}
    assert {"etcd", "kubelet"} <= {move.component for move in moves}
    assert {step.state for step in steps} == {"healthy"}
    assert all(step.since >= operation.created_at - 1 for step in steps)


async def test_every_event_leads_back_to_the_accepted_revision() -> None:
    async with running() as server:
        _, agent = agent_of(server)
        async with obeying(agent):
            await server.event("node-connected")
            operation = await ended(server, apply(server, lab_spec()))
        events = {event.id: event for event in server.events()}
    healthy = next(event for event in events.values() if (event.kind, event.component) == ("task-healthy", "etcd"))
    begun_by = events[healthy.cause_id]
    assert (begun_by.kind, begun_by.component) == ("move-begun", "etcd")
    assert events[begun_by.cause_id].kind == "revision-accepted"
    succeeded = next(event for event in events.values() if event.kind == "operation-succeeded")
    assert succeeded.cause_id == operation.cause_id
    assert succeeded.id > max(event.id for event in events.values() if event.kind == "task-healthy")


async def test_a_spec_that_was_applied_before_its_node_came_begins_when_it_comes() -> None:
    async with running() as server:
        operation = apply(server, lab_spec())
        await server.feed.changed(f"operation/{operation.id}", 0)
        _, [step] = await server.reconciler.operation_view(stored(server, operation))
        assert (step.component, step.state) == ("placement", "waiting")
        assert "fairlead token create" in step.message
        _, agent = agent_of(server)
        async with obeying(agent):
            assert (await ended(server, operation)).state is OperationState.SUCCEEDED


async def test_a_component_that_can_not_start_fails_the_operation_with_its_reason() -> None:
    async with running() as server:
        _, agent = agent_of(server)
        async with obeying(agent, failing("kube-apiserver")):
            await server.event("node-connected")
            operation = await ended(server, apply(server, lab_spec()))
            event = await server.event("operation-failed")
            _, steps = await server.reconciler.operation_view(operation)
    assert operation.state is OperationState.FAILED
    assert "kube-apiserver on node-1 failed" in operation.error
    assert "cannot bind port 6443" in operation.error
    assert operation.error in event.message
    assert {step.component: step.state for step in steps}["kube-apiserver"] == "failed"


async def test_a_cluster_is_deleted_to_the_end() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with obeying(agent):
            await server.event("node-connected")
            await ended(server, apply(server, lab_spec()))
            operation = await ended(server, delete(server))
        state = server.store.now(
            lambda repositories: (
                repositories.clusters.all(),
                repositories.claims.all(),
                repositories.authorities.get("lab", "cluster"),
                repositories.observations.of(node_id),
            )
        )
        assert server.dispatch.observations.of(node_id) == {}
        kinds = [event.kind for event in server.events()]
    assert operation.state is OperationState.SUCCEEDED, operation.error
    assert state == ((), (), None, ())
    assert agent.held.tasks == ()
    assert kinds[-2:] == ["operation-succeeded", "cluster-deleted"]


async def test_a_deleted_cluster_may_be_applied_anew_on_the_same_node() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with obeying(agent):
            await server.event("node-connected")
            await ended(server, apply(server, lab_spec()))
            await ended(server, delete(server))
            before = server.store.now(lambda repositories: repositories.assignments.get(node_id)).revision
            assert (await ended(server, apply(server, lab_spec()))).state is OperationState.SUCCEEDED
        after = server.store.now(lambda repositories: repositories.assignments.get(node_id)).revision
    assert after > before > 0, "a node's revisions rise for ever"


async def test_a_restarted_controller_goes_on_where_the_nodes_are() -> None:
    async with running(FleetServer(keeps_store=True)) as first:
        _, agent = agent_of(first)
        async with agent.session() as session:  # takes the assignment and reports nothing
            await session.hello(agent.facts)
            operation = apply(first, lab_spec())
            await session.assignment()
    async with running(FleetServer(store=first.store, authority=first.authority)) as second:
        agent.endpoint = second.fleet_endpoint
        async with obeying(agent):
            assert (await ended(second, operation)).state is OperationState.SUCCEEDED


async def test_a_failing_round_is_an_event_and_other_clusters_go_on() -> None:
    async with running() as server:
        _, agent = agent_of(server)
        apply(server, lab_spec("odd", kubernetes="v9.99.9"))  # what no catalogue of this release knows
        event = await server.event("reconcile-failed")
        async with obeying(agent):
            assert (await ended(server, apply(server, lab_spec()))).state is OperationState.SUCCEEDED
    assert event.cluster == "odd"
    assert "v9.99.9" in event.message


@pytest.mark.parametrize("change", [{"dns": {"forward": ["192.0.2.53"]}}, {"endpoint": "api.example.com:6443"}])
async def test_a_change_of_a_file_or_certificate_alone_is_done_once_it_is_there(change: dict[str, Any]) -> None:
    async with running() as server:
        _, agent = agent_of(server)
        async with obeying(agent):
            await server.event("node-connected")
            await ended(server, apply(server, lab_spec()))
        async with agent.session() as session:
            await session.hello(agent.facts)
            await session.observe(*everything_well(session.held))
            operation = apply(server, lab_spec(**change))
            sent = await session.assignment()
            assert sent.files or sent.certificates
            await session.observe(Observation(Subject.TASK, "etcd", "h", TaskState.STARTING))
            _, [files, *_] = await server.reconciler.operation_view(operation)
            assert (files.component, files.state) == ("files", "waiting")
            assert stored(server, operation).state is OperationState.RUNNING
            await session.observe(*everything_well(session.held))
            assert (await ended(server, operation)).state is OperationState.SUCCEEDED


async def test_a_lost_node_changes_nothing_and_comes_back_to_a_difference() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with obeying(agent):
            await server.event("node-connected")
            await ended(server, apply(server, lab_spec()))
        before = server.store.now(lambda repositories: repositories.assignments.get(node_id))
        server.dispatch.sessions.push(node_id)  # nobody is there
        apply(server, lab_spec(dns={"forward": ["192.0.2.53"]}))
        async with agent.session() as session:
            await session.hello(agent.facts)
            await session.assignment()
            after = server.store.now(lambda repositories: repositories.assignments.get(node_id))
    assert before.revision < after.revision
    assert agent.held == after
