"""Sessions over real mutual TLS: what is sent, what is taken, what ends them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import grpc
import pytest

from fairlead.agent.v1 import session_pb2
from fairlead_controller.dispatch.server import DispatchSettings
from fairlead_controller.dispatch.sessions import SessionSettings
from fairlead_testing.fake_agent import COMPLETE, INCREMENTAL, FakeAgent
from fairlead_testing.fleet_server import IMPATIENT, FleetServer, running
from fairlead_wire.assignment import Assignment, FileSpec, Observation, Subject
from fairlead_wire.facts import Facts
from fairlead_wire.status import from_rpc_error
from fairlead_wire.task import TaskSpec, TaskState

FACTS = Facts("node-1", address="127.0.0.1")
ETCD = TaskSpec("etcd", "registry.k8s.io/etcd:3.6.0")
KUBELET = TaskSpec("kubelet", "fairlead/kubelet:v1.37.2")
FIRST = Assignment("lab", "node-1", 1, tasks=(ETCD,), files=(FileSpec.of("/etc/kubernetes/a", "a"),))
SECOND = replace(FIRST, revision=2, tasks=(ETCD, KUBELET), files=())


def agent_of(server: FleetServer, name: str = "node-1") -> tuple[str, FakeAgent]:
    node, credentials = server.node(name)
    return node.id, FakeAgent(server.fleet_endpoint, credentials, replace(FACTS, hostname=name))


async def test_a_hello_is_welcomed_with_a_rising_epoch_and_the_controllers_heartbeat() -> None:
    settings = DispatchSettings(SessionSettings(heartbeat=5.0, jitter=0.5))
    async with running(FleetServer(settings)) as server:
        node_id, agent = agent_of(server)
        welcomes = []
        for _ in range(2):
            async with agent.session() as session:
                welcomes.append(await session.hello(FACTS))
    assert [welcome.epoch for welcome in welcomes] == [1, 2]
    assert {welcome.node_id for welcome in welcomes} == {node_id}
    assert {welcome.generation for welcome in welcomes} == {1}
    assert all(4500 <= welcome.heartbeat_ms <= 5500 for welcome in welcomes)


async def test_all_of_the_first_assignment_is_sent_then_differences() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        server.assign(node_id, FIRST)
        async with agent.session() as session:
            await session.hello(FACTS)
            first = await session.assignment()
            assert session.held == FIRST
            server.assign(node_id, SECOND)
            second = await session.assignment()
            assert session.held == SECOND
    assert (first.type, first.results_in) == (COMPLETE, 1)
    assert (second.type, second.applies_to, second.results_in) == (INCREMENTAL, 1, 2)
    assert [task.component for task in second.tasks] == ["kubelet"]
    assert list(second.dropped) == ["file//etc/kubernetes/a"]


async def test_an_agent_that_holds_the_newest_gets_only_what_comes_after() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        server.assign(node_id, FIRST)
        agent.held = FIRST
        async with agent.session() as session:
            await session.hello(FACTS)
            server.assign(node_id, SECOND)
            assert (await session.assignment()).type == INCREMENTAL


async def test_after_a_gap_the_next_session_starts_with_everything() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        server.assign(node_id, SECOND)
        agent.held = FIRST
        async with agent.session() as session:
            await session.hello(FACTS)
            message = await session.assignment()
    assert message.type == COMPLETE
    assert agent.held == SECOND


async def test_a_node_without_an_assignment_is_sent_nothing_until_it_has_one() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(FACTS)
            server.dispatch.sessions.push(node_id)
            await session.heartbeat()
            server.assign(node_id, FIRST)
            assert (await session.assignment()).results_in == 1


@pytest.mark.parametrize(
    ("held", "generation"),
    [(replace(FIRST, revision=7), 1), (FIRST, 9), (replace(FIRST, cluster="other"), 1)],
    ids=["a higher revision", "a newer generation", "another cluster's revision"],
)
async def test_an_agent_that_has_seen_more_than_the_database_is_only_observed(
    held: Assignment, generation: int
) -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        server.assign(node_id, FIRST)
        agent.held = held
        async with agent.session() as session:
            await session.hello(FACTS, generation)
            server.assign(node_id, replace(SECOND, revision=8))
            await session.observe(Observation(Subject.TASK, "etcd", ETCD.hash, TaskState.HEALTHY))
            await server.event("task-healthy")
            assert server.dispatch.sessions.reachable() == frozenset(), "nothing is planned on it"
            event = await server.event("node-ahead")
            await session.end()
            assert (await session.receive()).instruction.HasField("show_assignment"), "it is asked what it holds"
            with pytest.raises(EOFError):  # the end, and no assignment before it
                await session.receive()
    assert "only observed" in event.message


async def test_a_second_session_ends_the_first() -> None:
    async with running() as server:
        _, agent = agent_of(server)
        async with agent.session() as first:
            await first.hello(FACTS)
            async with agent.session() as second:
                assert (await second.hello(FACTS)).epoch == 2
                with pytest.raises(grpc.RpcError) as caught:
                    await first.receive()
    error = from_rpc_error(caught.value)
    assert "newer session" in error.message
    assert error.code == "UNAVAILABLE"


async def test_a_session_without_a_hello_is_ended() -> None:
    async with running(FleetServer(IMPATIENT)) as server:
        _, agent = agent_of(server)
        async with agent.session() as session:
            with pytest.raises(grpc.RpcError) as caught:
                await session.receive()
    assert "No hello" in from_rpc_error(caught.value).message


async def test_anything_before_the_hello_is_refused() -> None:
    async with running() as server:
        _, agent = agent_of(server)
        async with agent.session() as session:
            await session.heartbeat()
            with pytest.raises(grpc.RpcError) as caught:
                await session.receive()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_three_missed_heartbeats_make_a_node_unreachable_and_change_nothing_else() -> None:
    async with running(FleetServer(IMPATIENT)) as server:
        node_id, agent = agent_of(server)
        server.assign(node_id, FIRST)
        async with agent.session() as session:
            await session.hello(FACTS)
            assert server.dispatch.sessions.reachable() == {node_id}
            await session.assignment()
            event = await server.event("node-unreachable")
            with pytest.raises(grpc.RpcError) as caught:
                await session.receive()
        assert server.store.now(lambda repositories: repositories.assignments.get(node_id)) == FIRST
        assert server.dispatch.sessions.reachable() == frozenset()
    assert "left as it is" in event.message
    assert "Three heartbeats" in from_rpc_error(caught.value).message


async def test_heartbeats_keep_a_silent_node_reachable() -> None:
    async with running(FleetServer(IMPATIENT)) as server:
        node_id, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(FACTS)
            for _ in range(8):  # twice the time after which silence would be a loss
                await asyncio.sleep(0.08)
                await session.heartbeat()
            assert server.dispatch.sessions.reachable() == {node_id}
        assert server.events("node-unreachable") == []


async def test_observations_are_kept_in_order_and_late_ones_dropped() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(FACTS)
            await session.observe(Observation(Subject.TASK, "etcd", "h", TaskState.HEALTHY, sequence=5))
            await session.observe(Observation(Subject.TASK, "etcd", "h", TaskState.STARTING, sequence=4))
            await session.observe(Observation(Subject.TASK, "kubelet", "h", TaskState.HEALTHY, sequence=6))
            await told(server, "kubelet is healthy.")
        stored = server.store.now(lambda repositories: repositories.observations.of(node_id))
        seen = server.dispatch.observations.of(node_id)
    assert {item.name: item.state for item in stored} == {"etcd": TaskState.HEALTHY, "kubelet": TaskState.HEALTHY}
    assert seen[Subject.TASK, "etcd"].sequence == 5


async def test_a_new_session_reports_everything_again_with_numbers_of_its_own() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(FACTS)
            await session.observe(Observation(Subject.TASK, "etcd", "h", TaskState.HEALTHY, sequence=50))
            await told(server, "etcd is healthy.")
        async with agent.session() as session:
            await session.hello(FACTS)
            await session.observe(Observation(Subject.TASK, "etcd", "h", TaskState.HEALTHY, sequence=1))
            await session.observe(Observation(Subject.TASK, "etcd", "h", TaskState.FAILED, "it died", sequence=2))
            await told(server, "etcd is failed: it died")
        assert [event.kind for event in server.events() if event.component] == ["task-healthy", "task-failed"]
        assert server.dispatch.observations.of(node_id)[Subject.TASK, "etcd"].state is TaskState.FAILED


async def test_a_state_of_a_newer_agent_is_passed_over_and_the_rest_is_heard() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(FACTS)
            odd = session_pb2.Observation(subject=session_pb2.SUBJECT_TASK, name="etcd", sequence=1)
            odd.state = 57  # type: ignore[assignment]
            await session.send(session_pb2.SessionRequest(observations=session_pb2.Observations(observations=[odd])))
            await session.observe(Observation(Subject.TASK, "kubelet", "h", TaskState.HEALTHY))
            await told(server, "kubelet is healthy.")
        assert [name for _, name in server.dispatch.observations.of(node_id)] == ["kubelet"]


async def told(server: FleetServer, message: str) -> None:
    """Waits until the event log says so."""
    while True:
        version = server.feed.version("events")
        if any(event.message == message for event in server.events()):
            return
        await server.feed.changed("events", version)


async def test_what_happens_on_a_node_is_in_the_event_log() -> None:
    async with running() as server:
        _, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(FACTS)
            await session.happened("container-died", "etcd", "etcd ended with 137.")
            event = await server.event("container-died")
    assert (event.node, event.component, event.message) == ("node-1", "etcd", "etcd ended with 137.")


async def test_a_revoked_node_gets_no_session() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        server.revoke(node_id)
        async with agent.session() as session:
            with pytest.raises(grpc.RpcError) as caught:
                await session.hello(FACTS)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_claimed_node_keeps_its_address_and_tells_its_new_facts() -> None:
    async with running() as server:
        node_id, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(replace(FACTS, docker_version="28.0.0"))
        node = server.store.now(lambda repositories: repositories.nodes.get(node_id))
    assert node is not None
    assert (node.facts.docker_version, node.address) == ("28.0.0", "127.0.0.1")


async def test_the_controller_ends_sessions_when_it_stops() -> None:
    server = FleetServer()
    async with running(server):
        _, agent = agent_of(server)
        async with agent.session() as session:
            await session.hello(FACTS)
            waiting = asyncio.create_task(session.receive())
            await server.dispatch.sessions.close()
            with pytest.raises(grpc.RpcError) as caught:
                await waiting
    assert "being stopped" in from_rpc_error(caught.value).message


async def test_a_fault_inside_gives_a_reference_and_no_traceback() -> None:
    async with running() as server:
        _, agent = agent_of(server)
        await server.store.close()

        def broken(work: object) -> object:
            raise RuntimeError("the disk is on fire")

        server.store.now = broken  # type: ignore[method-assign,assignment]
        async with agent.session() as session:
            with pytest.raises(grpc.RpcError) as caught:
                await session.receive()
        del server.store.now
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    details = str(caught.value.details())
    assert "reference" in details
    assert "disk" not in details
