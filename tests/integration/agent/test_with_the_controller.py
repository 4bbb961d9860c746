"""The agent against the controller's own dispatch: both sides of the wire, for real, in one process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fairlead_testing.connected_agent import connected
from fairlead_testing.fleet_server import IMPATIENT, FleetServer, running
from fairlead_testing.tasks import assignment, reads, service
from fairlead_wire.assignment import FileSpec, Subject
from fairlead_wire.task import TaskState

ETCD = service("etcd", port=2379)
API = service("kube-apiserver", port=6443)
ENROL = "/fairlead.agent.v1.EnrollmentService/Enroll"
CONFIG = FileSpec.of("/etc/kubernetes/etcd.yaml", "a: 1")


async def _until_state(server: FleetServer, node_id: str, component: str, state: TaskState) -> None:
    async with asyncio.timeout(20):
        while True:
            seen = server.dispatch.observations.of(node_id).get((Subject.TASK, component))
            if seen is not None and seen.state is state:
                return
            await asyncio.sleep(0.01)


async def test_it_enrols_holds_and_reports(tmp_path: Path) -> None:
    async with (
        running(FleetServer(settings=IMPATIENT)) as server,
        connected(server.enrolment_endpoint, tmp_path, "etcd:1", "kube-apiserver:1", token=server.token()) as agent,
    ):
        await server.event("node-connected")
        (node,) = server.store.now(lambda repositories: repositories.nodes.all())
        server.assign(node.id, assignment(reads(ETCD, CONFIG), CONFIG))
        await _until_state(server, node.id, "etcd", TaskState.HEALTHY)
        server.assign(node.id, assignment(reads(ETCD, CONFIG), CONFIG, API, revision=2))
        await _until_state(server, node.id, "kube-apiserver", TaskState.HEALTHY)
        assert agent.loop.memory().assignment.revision == 2
        agent.runtime.die("fairlead-etcd", 137)
        event = await server.event("container-died")
        assert event.component == "etcd"


async def test_it_stays_reachable_by_its_heartbeats(tmp_path: Path) -> None:
    async with (
        running(FleetServer(settings=IMPATIENT)) as server,
        connected(server.enrolment_endpoint, tmp_path, token=server.token()),
    ):
        await server.event("node-connected")
        (node,) = server.store.now(lambda repositories: repositories.nodes.all())
        await asyncio.sleep(1.0)  # ten periods, of which three in a row may be missed
        assert node.id in server.dispatch.sessions.reachable()
        assert len(server.events("node-connected")) == 1


async def test_a_used_token_makes_no_second_node(tmp_path: Path) -> None:
    async with running() as server:
        token = server.token()
        async with connected(server.enrolment_endpoint, tmp_path / "one", token=token):
            await server.event("node-connected")
        async with connected(server.enrolment_endpoint, tmp_path / "two", token=token) as second:
            async with asyncio.timeout(20):
                while server.calls.methods.count(ENROL) < 2:  # noqa: ASYNC110 - a counter tells nobody
                    await asyncio.sleep(0.01)
            assert (second.state / "join").exists()
        assert len(server.store.now(lambda repositories: repositories.nodes.all())) == 1
