"""Clusters over real gRPC, with the real planner and agents that do at once what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
import yaml
from cryptography import x509

from fairlead.api.v1 import clusters_pb2, nodes_pb2, operations_pb2
from fairlead_controller.model.operation import OperationState
from fairlead_testing.api_server import idle_agent, obedient_agent, ready_node
from fairlead_testing.cluster_caller import OTHER, RUNNING, SPEC, SUCCEEDED, SUPERSEDED, Caller, source
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.errors import Invalid, Missing, Refused
from fairlead_wire.identity import new_key, request_der


@pytest.fixture
def anna(admin: grpc.aio.Channel) -> Caller:
    return Caller(admin)


@pytest.fixture
async def agent(server: FleetServer) -> AsyncIterator[None]:
    """One server whose agent does everything."""
    async with obedient_agent(server, "lab-1"):
        yield


@pytest.fixture
async def idler(server: FleetServer) -> AsyncIterator[None]:
    """One server whose agent listens and does nothing."""
    async with idle_agent(server, "lab-1"):
        yield


async def test_a_valid_spec_comes_back_with_all_defaults(anna: Caller) -> None:
    answer = await anna.clusters.ValidateCluster(clusters_pb2.ValidateClusterRequest(source=source()))
    effective = yaml.safe_load(answer.effective_yaml)
    assert answer.cluster == "lab"
    assert effective["spec"]["network"]["pods"] == "10.244.0.0/16"
    again = await anna.clusters.ValidateCluster(
        clusters_pb2.ValidateClusterRequest(source=source(answer.effective_yaml))
    )
    assert again.effective_yaml == answer.effective_yaml


async def test_all_problems_of_a_spec_come_at_once_with_their_lines(anna: Caller) -> None:
    text = SPEC.replace("v1.37.2", "1.37") + "  netwrk: {}\n  dns: {zones: {example.internal: missing.zone}}\n"
    error = await anna.refused(anna.apply(text))
    assert isinstance(error, Invalid)
    assert [problem.where.split(" ")[0] for problem in error.problems] == [
        "cluster.yaml:5",
        "cluster.yaml:6",
        "cluster.yaml:7",
    ]


async def test_a_plan_says_what_would_happen_and_changes_nothing(server: FleetServer, anna: Caller) -> None:
    ready_node(server, "lab-1")
    before = server.store.now(lambda repositories: repositories.events.newest_id())
    plan = await anna.plan()
    assert (plan.cluster, plan.base_revision) == ("clusters/lab", 0)
    assert plan.moves[0].action == clusters_pb2.MOVE_ACTION_CLAIM
    placed = {
        move.component: list(move.details) for move in plan.moves if move.action == clusters_pb2.MOVE_ACTION_PLACE
    }
    assert {"etcd", "kube-apiserver", "kubelet"} <= placed.keys()
    assert any("etcd" in line for line in placed["etcd"])
    assert {move.node for move in plan.moves} == {"lab-1"}
    assert plan.pin.startswith("0-")
    assert server.store.now(lambda repositories: repositories.events.newest_id()) == before
    assert server.store.now(lambda repositories: repositories.clusters.all()) == ()
    assert (await anna.plan()).pin == plan.pin


async def test_no_node_no_cluster_and_nothing_stored(server: FleetServer, anna: Caller) -> None:
    error = await anna.refused(anna.apply())
    assert isinstance(error, Refused)
    assert error.message == "Cluster lab can't be carried by the nodes that there are; nothing was changed."
    assert error.problems
    assert server.store.now(lambda repositories: repositories.clusters.all()) == ()
    assert server.store.now(lambda repositories: repositories.authorities.get("lab", "cluster")) is None


@pytest.mark.usefixtures("agent")
async def test_applying_makes_the_cluster(server: FleetServer, anna: Caller) -> None:
    plan = await anna.plan()
    answer = await anna.apply(pin=plan.pin)
    assert (answer.revision, answer.changed, answer.operation.state) == (1, True, RUNNING)
    operation = await anna.end_of(answer.operation)
    assert operation.state == SUCCEEDED
    assert operation.HasField("end_time")
    assert {(step.node, step.component) for step in operation.steps} >= {("lab-1", "etcd"), ("lab-1", "kubelet")}
    cluster = await anna.get()
    assert cluster.state == clusters_pb2.CLUSTER_STATE_READY
    assert (cluster.revision, cluster.kubernetes_version, list(cluster.nodes)) == (1, "v1.37.2", ["lab-1"])
    assert cluster.endpoint == "https://192.0.2.11:6443"
    assert cluster.spec_yaml == SPEC
    assert {item.state for item in cluster.components} == {"healthy"}
    accepted = server.events("revision-accepted")[0]
    assert (accepted.principal, accepted.cluster) == ("anna", "lab")
    assert server.events("move-begun")[0].cause_id == accepted.id


@pytest.mark.usefixtures("agent")
async def test_nodes_of_a_cluster(server: FleetServer, anna: Caller) -> None:
    await anna.carried_out()
    ready_node(server, "spare")
    listed = await anna.nodes.ListNodes(nodes_pb2.ListNodesRequest(cluster="clusters/lab"))
    assert [(node.name, node.cluster) for node in listed.nodes] == [("nodes/lab-1", "clusters/lab")]


@pytest.mark.usefixtures("agent")
async def test_the_same_spec_again_changes_nothing(server: FleetServer, anna: Caller) -> None:
    first = await anna.carried_out()
    events = len(server.events())
    assert list((await anna.plan()).moves) == []
    again = await anna.apply("# a comment is no change\n" + SPEC)
    assert (again.changed, again.revision, again.operation.name) == (False, 1, first.name)
    assert len(server.events()) == events


async def test_applying_again_follows_what_goes_on(server: FleetServer, anna: Caller) -> None:
    ready_node(server, "lab-1")  # with nobody to do anything
    first = await anna.apply(skip_checks=["reachable"])
    again = await anna.apply()
    assert (again.operation.name, again.changed, again.revision) == (first.operation.name, True, 1)


@pytest.mark.usefixtures("agent")
async def test_the_same_request_twice_is_applied_once(server: FleetServer, anna: Caller) -> None:
    first = await anna.apply(request_id="7")
    again = await anna.apply(OTHER, request_id="7")
    assert again.operation.name == first.operation.name
    assert len(server.events("revision-accepted")) == 1


@pytest.mark.usefixtures("idler")
async def test_a_pin_of_another_plan_is_refused_with_both(anna: Caller) -> None:
    old = (await anna.plan()).pin
    await anna.apply()
    new = (await anna.plan(OTHER)).pin
    error = await anna.refused(anna.apply(OTHER, pin=old))
    assert isinstance(error, Refused)
    assert old in error.message
    assert new in error.message
    assert (await anna.get()).revision == 1


@pytest.mark.usefixtures("idler")
async def test_a_newer_revision_takes_the_place_of_the_older_operation(server: FleetServer, anna: Caller) -> None:
    older = (await anna.apply()).operation
    following = asyncio.create_task(anna.end_of(older))
    newer = await anna.apply(OTHER)
    assert newer.revision == 2
    assert (await following).state == SUPERSEDED
    running = server.store.now(lambda repositories: repositories.operations.running("lab"))
    assert running is not None
    assert f"operations/{running.id}" == newer.operation.name


@pytest.mark.usefixtures("agent")
async def test_what_failed_is_tried_again_as_a_new_operation(server: FleetServer, anna: Caller) -> None:
    first = await anna.carried_out()
    identifier = first.name.rpartition("/")[2]

    def fail(repositories: Any) -> None:
        stored = repositories.operations.get(identifier)
        repositories.operations.put(replace(stored, state=OperationState.FAILED, error="It broke."))

    server.store.now(fail)
    again = await anna.apply()
    assert (again.revision, again.operation.name != first.name) == (1, True)
    assert (await anna.end_of(again.operation)).state == SUCCEEDED


@pytest.mark.usefixtures("agent")
async def test_deleting_ends_with_nothing_left(server: FleetServer, anna: Caller) -> None:
    await anna.carried_out()
    answer = await anna.clusters.DeleteCluster(clusters_pb2.DeleteClusterRequest(name="clusters/lab"))
    assert (await anna.end_of(answer.operation)).state == SUCCEEDED
    assert isinstance(await anna.refused(anna.get()), Missing)
    assert server.store.now(lambda repositories: repositories.claims.all()) == ()
    event = server.events("deletion-accepted")[0]
    assert (event.principal, event.message) == ("anna", "Cluster lab is to be deleted, keeping etcd's data.")


async def test_while_it_is_being_deleted(server: FleetServer, anna: Caller) -> None:
    async with obedient_agent(server, "lab-1"):
        await anna.carried_out()
    request = clusters_pb2.DeleteClusterRequest(name="clusters/lab")
    first = await anna.clusters.DeleteCluster(request)
    again = await anna.clusters.DeleteCluster(request)
    assert again.operation.name == first.operation.name
    assert (await anna.get()).state == clusters_pb2.CLUSTER_STATE_DELETING
    error = await anna.refused(anna.apply(OTHER))
    assert isinstance(error, Refused)
    assert error.message == "Cluster lab is being deleted."


async def test_deleting_what_is_not_there(anna: Caller) -> None:
    request = clusters_pb2.DeleteClusterRequest(name="clusters/none")
    assert isinstance(await anna.refused(anna.clusters.DeleteCluster(request)), Missing)


@pytest.mark.usefixtures("agent")
async def test_a_kubeconfig_is_for_whoever_asks(server: FleetServer, anna: Caller) -> None:
    await anna.carried_out()
    key = new_key()
    request = clusters_pb2.IssueKubeconfigRequest(name="clusters/lab", csr=request_der(key, "root"))
    answer = await anna.clusters.IssueKubeconfig(request)
    certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
    authority = x509.load_pem_x509_certificate(answer.authority.encode())
    certificate.verify_directly_issued_by(authority)
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=fairlead:anna,O=fairlead:cluster-admins"
    assert answer.server == "https://192.0.2.11:6443"
    assert answer.expire_time.seconds == int(certificate.not_valid_after_utc.timestamp())
    assert server.events("kubeconfig-issued")[0].principal == "anna"


async def test_no_kubeconfig_before_there_is_a_control_plane(server: FleetServer, anna: Caller) -> None:
    request = clusters_pb2.IssueKubeconfigRequest(name="clusters/lab", csr=request_der(new_key()))
    assert isinstance(await anna.refused(anna.clusters.IssueKubeconfig(request)), Missing)


@pytest.mark.usefixtures("agent")
async def test_operations_newest_first(anna: Caller) -> None:
    first = await anna.carried_out()
    second = await anna.carried_out(OTHER)
    request = operations_pb2.ListOperationsRequest(cluster="clusters/lab", page_size=1)
    newest = await anna.operations.ListOperations(request)
    request.page_token = newest.next_page_token
    older = await anna.operations.ListOperations(request)
    assert [newest.operations[0].name, older.operations[0].name] == [second.name, first.name]
    assert not older.next_page_token
    got = await anna.operations.GetOperation(operations_pb2.GetOperationRequest(name=first.name))
    assert got.operation.revision == 1


async def test_an_operation_that_is_not_there(anna: Caller) -> None:
    request = operations_pb2.GetOperationRequest(name="operations/none")
    assert isinstance(await anna.refused(anna.operations.GetOperation(request)), Missing)
