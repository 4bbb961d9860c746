"""Preflight over real gRPC: what is refused has touched nothing, and what is skipped is on somebody's name."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from fairlead.api.v1 import clusters_pb2, nodes_pb2
from fairlead.api.v1.clusters_pb2_grpc import ClusterServiceStub
from fairlead.api.v1.nodes_pb2_grpc import NodeServiceStub
from fairlead_controller.model.node import NodeRole
from fairlead_controller.plan.preflight.table import NAMES
from fairlead_testing.api_server import idle_agent, obedient_agent, people, ready_node, until
from fairlead_testing.cluster_caller import SPEC
from fairlead_testing.fleet_server import FleetServer
from fairlead_testing.preflight import inspection
from fairlead_wire.errors import FairleadError, Invalid, Missing, Refused
from fairlead_wire.identity import Role
from fairlead_wire.inspection import Listener
from fairlead_wire.status import from_rpc_error

BUSY = inspection(listeners=(Listener("tcp", "0.0.0.0", 6443, "nginx (process 7)"),), ip_forward=False, swap_bytes=1)
SOURCE = clusters_pb2.ClusterSource(spec_yaml=SPEC, file_name="cluster.yaml")


class Caller:
    """Calls of an admin."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.clusters, self.nodes = ClusterServiceStub(channel), NodeServiceStub(channel)

    async def plan(self) -> clusters_pb2.PlanClusterResponse:
        return await self.clusters.PlanCluster(clusters_pb2.PlanClusterRequest(source=SOURCE))

    async def apply(self, *skipped: str) -> clusters_pb2.ApplyClusterResponse:
        request = clusters_pb2.ApplyClusterRequest(source=SOURCE, skip_checks=skipped)
        return await self.clusters.ApplyCluster(request)

    async def check(self, *names: str, role: str = "") -> list[nodes_pb2.NodeCheck]:
        request = nodes_pb2.CheckNodesRequest(names=[f"nodes/{name}" for name in names], role=role)
        return list((await self.nodes.CheckNodes(request)).checks)

    async def refused(self, call: Any) -> FairleadError:
        with pytest.raises(grpc.RpcError) as caught:
            await call
        return from_rpc_error(caught.value)


@pytest.fixture
def anna(admin: grpc.aio.Channel) -> Caller:
    return Caller(admin)


def touched(server: FleetServer) -> dict[str, Any]:
    """All that an apply leaves behind."""

    def read(repositories: Any) -> dict[str, Any]:
        return {
            "clusters": repositories.clusters.all(),
            "claims": repositories.claims.all(),
            "operations": repositories.operations.all(),
            "authority": repositories.authorities.get("lab", "cluster"),
            "assignments": [repositories.assignments.get(node.id).revision for node in repositories.nodes.all()],
            "events": [event.kind for event in repositories.events.page(limit=1000)],
        }

    return server.store.now(read)


async def test_a_server_that_is_not_fit_is_refused_and_untouched(server: FleetServer, anna: Caller) -> None:
    async with obedient_agent(server, "web-1", inspection=BUSY) as agent:
        before = touched(server)
        error = await anna.refused(anna.apply())
        assert isinstance(error, Refused)
        assert error.message == "Cluster lab would not work on the servers as they are; nothing was changed."
        assert [str(problem).split("]")[0] for problem in error.problems] == ["web-1: [ports", "web-1: [forwarding"]
        assert "nginx (process 7) holds tcp port 6443" in error.problems[0].what
        assert "Stop nginx (process 7)" in error.problems[0].what
        assert error.next_step.endswith("with `--skip-check ports --skip-check forwarding`.")
        assert touched(server) == before
        assert before["clusters"] == before["claims"] == before["operations"] == ()
        assert before["assignments"] == [0]
        assert agent.held.revision == 0


async def test_a_server_that_does_not_answer_is_refused(server: FleetServer, anna: Caller) -> None:
    ready_node(server, "web-1")
    before = touched(server)
    error = await anna.refused(anna.apply())
    assert isinstance(error, Refused)
    assert [problem.where for problem in error.problems] == ["web-1"]
    assert error.problems[0].what.startswith("[reachable] The node's agent has no session with this controller now.")
    assert touched(server) == before


async def test_who_skips_a_check_takes_responsibility_for_it(server: FleetServer, anna: Caller) -> None:
    async with idle_agent(server, "web-1", inspection=BUSY):
        error = await anna.refused(anna.apply("ports"))
        assert [problem.what.split("]")[0] for problem in error.problems] == ["[forwarding"]
        answer = await anna.apply("ports", "forwarding")
        assert answer.revision == 1
        assert {finding.check for finding in answer.findings} == {"ports", "forwarding", "swap"}
        [event] = server.events("checks-skipped")
        assert (event.principal, event.cluster) == ("anna", "lab")
        assert "ports on web-1 (nginx (process 7) holds tcp port 6443" in event.message


async def test_skipping_what_is_well_is_no_event(server: FleetServer, anna: Caller) -> None:
    async with idle_agent(server, "web-1"):
        await anna.apply(*NAMES)
        assert server.events("checks-skipped") == []


async def test_a_check_that_there_is_not(anna: Caller) -> None:
    error = await anna.refused(anna.apply("ports", "prots"))
    assert isinstance(error, Invalid)
    assert error.message == "There is no check called prots."
    assert "disk-space" in error.next_step


async def test_warnings_hold_nothing_up(server: FleetServer, anna: Caller) -> None:
    async with obedient_agent(server, "web-1", inspection=inspection(swap_bytes=1)):
        plan = await anna.plan()
        assert [finding.check for finding in plan.findings] == ["swap"]
        answer = await anna.apply()
        assert [(finding.check, finding.node) for finding in answer.findings] == [("swap", "web-1")]


async def test_a_plan_shows_what_would_be_refused(server: FleetServer, anna: Caller) -> None:
    async with idle_agent(server, "web-1", inspection=BUSY):
        before = touched(server)
        plan = await anna.plan()
        assert [(finding.check, finding.severity) for finding in plan.findings] == [
            ("ports", nodes_pb2.SEVERITY_ERROR),
            ("forwarding", nodes_pb2.SEVERITY_ERROR),
            ("swap", nodes_pb2.SEVERITY_WARNING),
        ]
        assert plan.moves
        assert touched(server) == before


async def test_nodes_of_the_cluster_are_never_gated(server: FleetServer, anna: Caller) -> None:
    async with obedient_agent(server, "web-1") as agent:
        await anna.apply()
        await until(server.feed, "events", lambda: bool(server.store.now(lambda stored: stored.claims.all())))
        agent.inspection = BUSY
        assert list((await anna.plan()).findings) == []
        assert (await anna.apply()).revision == 1


async def test_a_clock_50_minutes_off(server: FleetServer, anna: Caller) -> None:
    async with idle_agent(server, "web-1", ahead=-3000.0):
        [check] = await anna.check("web-1")
        assert -3001 < check.clock_offset_seconds < -2999
        error = await anna.refused(anna.apply())
        assert "3000.0 s behind the controller's" in error.problems[0].what
        [as_worker] = await anna.check("web-1", role="worker")
        assert [finding.severity for finding in as_worker.findings] == [nodes_pb2.SEVERITY_WARNING]


async def test_two_servers_from_one_disk_image(server: FleetServer, anna: Caller) -> None:
    copy = inspection(machine_id="machine-web-1", hostname="web-2")
    async with idle_agent(server, "web-1"), idle_agent(server, "web-2", inspection=copy):
        [one, two] = await anna.check()
        assert (one.node, two.node) == ("nodes/web-1", "nodes/web-2")
        assert [finding.reason for finding in two.findings] == [
            "The server has the same /etc/machine-id as node web-1: one is a copy."
        ]


async def test_checking_every_node_and_each_as_what_it_is(server: FleetServer, anna: Caller) -> None:
    async with obedient_agent(server, "web-1", inspection=inspection(hostname="web-1")):
        ready_node(server, "web-2")
        await anna.apply()
        await until(server.feed, "events", lambda: bool(server.store.now(lambda stored: stored.claims.all())))
        [one, two] = await anna.check()
        assert (one.role, list(one.findings)) == (NodeRole.CONTROL_PLANE, [])
        assert [finding.check for finding in two.findings] == ["reachable"]


async def test_what_can_t_be_checked(server: FleetServer, anna: Caller) -> None:
    assert await anna.check() == []
    assert isinstance(await anna.refused(anna.check("none")), Missing)
    assert isinstance(await anna.refused(anna.check(role="master")), Invalid)
    async with people(server, Role.OPERATOR) as operator, idle_agent(server, "web-1"):
        assert len(await Caller(operator).check("web-1")) == 1
