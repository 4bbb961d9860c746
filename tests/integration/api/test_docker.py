"""DockerService of the controller: passes calls on to agents, and says clearly when it can't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from fairlead.api.v1 import docker_pb2 as pb
from fairlead.api.v1.docker_pb2_grpc import DockerServiceStub
from fairlead_testing.api_server import people, ready_node
from fairlead_testing.docker_agent import Calling, DockerAgent, scripted
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.docker_calls import CHANGES, FRAME_BYTES
from fairlead_wire.errors import Denied, FairleadError, Invalid, Missing, Refused, Unreachable
from fairlead_wire.identity import Role
from fairlead_wire.status import from_rpc_error

NODE = "nodes/lab-1"
SECONDS = 20.0
SECRET = "hunter2-of-the-test"  # the answer to what is in no log
READING = [method for method, changes in CHANGES.items() if not changes]
CHANGING = [method for method, changes in CHANGES.items() if changes]


@pytest.fixture
async def agent(server: FleetServer) -> AsyncIterator[DockerAgent]:
    async with scripted(server, "lab-1", {}) as made:
        yield made


@pytest.fixture
async def stub(admin: grpc.aio.Channel) -> Any:
    return DockerServiceStub(admin)


async def test_a_question_and_its_answer_are_passed_on_as_they_are(agent: DockerAgent, stub: Any) -> None:
    answer = pb.ListContainersResponse(containers=[pb.DockerContainer(id="57", names=["shop"], fairlead="etcd")])
    agent.answers["ListContainers"] = answer
    asked = pb.ListContainersRequest(node=NODE, all=True, limit=3)
    assert await stub.ListContainers(asked, timeout=SECONDS) == answer
    (call,) = agent.calls
    assert (call.first, call.caller, call.admin) == (asked, "anna", True)


async def test_an_answer_of_a_megabyte_comes_through(agent: DockerAgent, stub: Any) -> None:
    agent.answers["InspectDocker"] = pb.InspectDockerResponse(json=b" " * 2**20)
    answer = await stub.InspectDocker(pb.InspectDockerRequest(node=NODE, object="x"), timeout=SECONDS)
    assert len(answer.json) == 2**20


async def test_an_operator_is_no_admin_to_the_agent(server: FleetServer, agent: DockerAgent) -> None:
    agent.answers["ListImages"] = pb.ListImagesResponse()
    async with people(server, Role.OPERATOR, "otto") as channel:
        await DockerServiceStub(channel).ListImages(pb.ListImagesRequest(node=NODE), timeout=SECONDS)
    (call,) = agent.calls
    assert (call.caller, call.admin) == ("otto", False)


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("method", READING)
async def test_an_operator_may_read(server: FleetServer, method: str) -> None:
    async with people(server, Role.OPERATOR) as channel:
        assert (await _failed(channel, method)).message == f"The test has no answer for {method}."


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("method", CHANGING)
async def test_an_operator_may_change_nothing(server: FleetServer, method: str) -> None:
    async with people(server, Role.OPERATOR) as channel:
        assert isinstance(await _failed(channel, method), Denied)
    assert not server.events("docker-called")


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("method", sorted(CHANGES))
async def test_a_viewer_may_do_nothing_of_it(server: FleetServer, method: str) -> None:
    async with people(server, Role.VIEWER) as channel:
        assert isinstance(await _failed(channel, method), Denied)


async def test_a_node_that_nobody_knows(admin: grpc.aio.Channel) -> None:
    error = await _failed(admin, "ListContainers", node="nodes/none")
    assert isinstance(error, Missing)
    assert "none" in error.message
    assert "fairlead node ls" in error.next_step


async def test_a_node_that_is_away(server: FleetServer, admin: grpc.aio.Channel) -> None:
    ready_node(server, "lab-2")
    error = await _failed(admin, "StopContainer", node="nodes/lab-2")
    assert isinstance(error, Unreachable)
    assert error.message == "The node lab-2 is not reachable now."
    assert "fairlead node ls" in error.next_step
    assert not server.events("docker-called"), "nothing was done"


@pytest.mark.parametrize("kind", [Refused, Missing, Invalid, Unreachable, Denied])
async def test_a_failure_is_passed_on_with_its_next_step(
    agent: DockerAgent, admin: grpc.aio.Channel, kind: type[FairleadError]
) -> None:
    agent.answers["StartContainer"] = kind("It did not work.", "Do it otherwise.")
    error = await _failed(admin, "StartContainer")
    assert (type(error), error.message, error.next_step) == (kind, "It did not work.", "Do it otherwise.")


async def test_what_came_before_a_failure_is_passed_on(agent: DockerAgent, stub: Any) -> None:
    async def answer(calling: Calling) -> None:
        await calling.answer(pb.PullImageResponse(data=b"{}\n"))
        raise Missing("There is no such image.", "Check its name.")

    agent.answers["PullImage"] = answer
    call = stub.PullImage(pb.PullImageRequest(node=NODE, reference="x"), timeout=SECONDS)
    assert (await call.read()).data == b"{}\n"
    with pytest.raises(grpc.RpcError) as caught:
        await call.read()
    assert from_rpc_error(caught.value).next_step == "Check its name."


async def test_an_agent_that_dies_in_the_middle(agent: DockerAgent, stub: Any) -> None:
    async def answer(calling: Calling) -> None:
        await calling.answer(pb.ReadLogsResponse(terminal=False))
        raise RuntimeError("died")

    agent.answers["ReadLogs"] = answer
    call = stub.ReadLogs(pb.ReadLogsRequest(node=NODE, container="x"), timeout=SECONDS)
    assert (await call.read()).WhichOneof("part") == "terminal"
    with pytest.raises(grpc.RpcError) as caught:
        await call.read()
    assert isinstance(from_rpc_error(caught.value), Unreachable)


async def test_an_agent_that_ends_without_a_last_word(agent: DockerAgent, stub: Any) -> None:
    async def answer(calling: Calling) -> None:
        raise ConnectionError("nothing more is said")

    agent.answers["StopContainer"] = answer
    with pytest.raises(grpc.RpcError) as caught:
        await stub.StopContainer(pb.StopContainerRequest(node=NODE, container="x"), timeout=SECONDS)
    error = from_rpc_error(caught.value)
    assert isinstance(error, Unreachable)
    assert error.message == "The node lab-1 went away in the middle of the call."


async def test_both_directions_of_a_command(agent: DockerAgent, stub: Any) -> None:
    async def answer(calling: Calling) -> None:
        await calling.answer(pb.ExecContainerResponse(terminal=calling.first.target.terminal))
        async for request in calling.more:
            await calling.answer(pb.ExecContainerResponse(data=request.data.upper()))
        await calling.answer(pb.ExecContainerResponse(exit_code=7))

    agent.answers["ExecContainer"] = answer
    call = stub.ExecContainer(timeout=SECONDS)
    await call.write(pb.ExecContainerRequest(target=pb.ExecTarget(node=NODE, container="x", terminal=True)))
    assert (await call.read()).terminal is True
    for word in (b"one", b"two"):
        await call.write(pb.ExecContainerRequest(data=word))
        assert (await call.read()).data == word.upper()
    await call.done_writing()
    assert (await call.read()).exit_code == 7
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_a_client_that_goes_ends_the_agents_work(agent: DockerAgent, stub: Any) -> None:
    gone = asyncio.Event()

    async def answer(calling: Calling) -> None:
        await calling.answer(pb.ReadLogsResponse(terminal=False))
        try:
            while True:
                await calling.answer(pb.ReadLogsResponse(data=b"x" * 1000))
                await asyncio.sleep(0)
        except ConnectionError:
            gone.set()
            raise

    agent.answers["ReadLogs"] = answer
    call = stub.ReadLogs(pb.ReadLogsRequest(node=NODE, container="x"), timeout=SECONDS)
    await call.read()
    call.cancel()
    async with asyncio.timeout(SECONDS):
        await gone.wait()


@pytest.mark.parametrize("rest", [0.0, 0.3])
async def test_a_client_that_goes_amid_a_flood_ends_it_and_is_no_fault_of_ours(
    server: FleetServer, agent: DockerAgent, rest: float
) -> None:
    gone = asyncio.Event()

    async def answer(calling: Calling) -> None:
        try:
            while True:
                await calling.answer(pb.ReadLogsResponse(data=b"x" * 250_000))
        except ConnectionError:
            gone.set()
            raise

    agent.answers["ReadLogs"] = answer
    with capture_logs() as logged:
        async with people(server) as channel:
            stub: Any = DockerServiceStub(channel)
            call = stub.ReadLogs(pb.ReadLogsRequest(node=NODE, container="x"), timeout=SECONDS)
            await call.read()
            await asyncio.sleep(rest)  # until every buffer on the way is full
        async with asyncio.timeout(SECONDS):
            await gone.wait()
    assert [entry for entry in logged if entry["log_level"] == "error"] == []


async def test_too_long_a_first_frame(admin: grpc.aio.Channel, agent: DockerAgent) -> None:
    error = await _failed(admin, "ListContainers", filters=[pb.DockerFilter(key="x" * FRAME_BYTES)])
    assert isinstance(error, Invalid)
    assert "256 KiB" in error.next_step
    assert not agent.calls


async def test_too_long_a_later_frame(agent: DockerAgent, stub: Any) -> None:
    async def answer(calling: Calling) -> None:
        async for _ in calling.more:
            await calling.answer(pb.BuildImageResponse(data=b"{}\n"))

    agent.answers["BuildImage"] = answer
    call = stub.BuildImage(timeout=SECONDS)
    await call.write(pb.BuildImageRequest(target=pb.BuildTarget(node=NODE)))
    await call.write(pb.BuildImageRequest(data=b"x" * (FRAME_BYTES + 1)))
    with pytest.raises(grpc.RpcError) as caught:
        await call.read()
    error = from_rpc_error(caught.value)
    assert isinstance(error, Invalid)
    assert "too long" in error.message


@pytest.mark.parametrize("first", [pb.ExecContainerRequest(data=b"x"), pb.ExecContainerRequest()])
async def test_a_stream_that_does_not_say_where_it_leads(stub: Any, first: pb.ExecContainerRequest) -> None:
    call = stub.ExecContainer(timeout=SECONDS)
    await call.write(first)
    with pytest.raises(grpc.RpcError) as caught:
        await call.read()
    assert isinstance(from_rpc_error(caught.value), Invalid)


async def test_a_change_is_in_the_event_log_without_what_may_be_secret(
    server: FleetServer, agent: DockerAgent, stub: Any
) -> None:
    agent.answers["ExecContainer"] = pb.ExecContainerResponse(exit_code=0)
    agent.answers["CreateContainer"] = pb.CreateContainerResponse(id="57")
    words = ["login", SECRET]
    target = pb.ExecTarget(node=NODE, container="shop", command=words, environment=[f"A={SECRET}"])
    call = stub.ExecContainer(timeout=SECONDS)
    await call.write(pb.ExecContainerRequest(target=target))
    await call.done_writing()
    assert (await call.read()).exit_code == 0
    spec = pb.ContainerSpec(image="shop:1", command=words, environment=[f"A={SECRET}"], labels={"a": SECRET})
    await stub.CreateContainer(pb.CreateContainerRequest(node=NODE, container=spec), timeout=SECONDS)
    events = server.events("docker-called")
    assert [(event.principal, event.node) for event in events] == [("anna", "lab-1")] * 2
    assert "shop" in events[0].message
    assert not any(SECRET in str(event) for event in server.events())


async def test_force_is_in_the_event_log(server: FleetServer, agent: DockerAgent, stub: Any) -> None:
    agent.answers["StopContainer"] = pb.StopContainerResponse()
    asked = pb.StopContainerRequest(node=NODE, container="fairlead-etcd", force=True)
    await stub.StopContainer(asked, timeout=SECONDS)
    (event,) = server.events("docker-called")
    assert event.message == "Asked to stop the container fairlead-etcd by force."


async def test_reading_is_not_in_the_event_log(server: FleetServer, agent: DockerAgent, stub: Any) -> None:
    agent.answers["ListImages"] = pb.ListImagesResponse()
    await stub.ListImages(pb.ListImagesRequest(node=NODE), timeout=SECONDS)
    assert not server.events("docker-called")


async def _failed(channel: grpc.aio.Channel, method: str, node: str = NODE, **fields: Any) -> FairleadError:
    """What a call of the method fails with; its request names the node and is empty otherwise."""
    described = pb.DESCRIPTOR.services_by_name["DockerService"].methods_by_name[method]
    request = getattr(pb, described.input_type.name)(**fields)
    where = request.target if "target" in described.input_type.fields_by_name else request
    where.node = node
    call: Any = channel.stream_stream(f"/{described.containing_service.full_name}/{method}")
    stream = call(timeout=SECONDS)
    with pytest.raises(grpc.RpcError) as caught:
        await _talk(stream, request.SerializeToString())
    return from_rpc_error(caught.value)


async def _talk(stream: Any, request: bytes) -> None:
    reading = asyncio.create_task(stream.read())
    with suppress(asyncio.InvalidStateError):  # refused already
        await stream.write(request)
        await stream.done_writing()
    await reading
