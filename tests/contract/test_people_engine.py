"""Docker commands of people on a real Engine: what it really does, and what is left when somebody goes away."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import secrets
import tarfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_agent.runtime.people_engine import DockerForPeople
from fairlead_agent.runtime.people_port import EngineRequest
from fairlead_agent.runtime.port import EngineAway, RuntimeFailure
from fairlead_testing.doorway import Doorway
from fairlead_testing.engine_image import docker_socket
from fairlead_testing.people_engine import Heard, called
from fairlead_testing.small_registry import SmallRegistry

pytestmark = [pytest.mark.engine, pytest.mark.long]
FOREVER = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"


@dataclass
class Bench:
    """Calls on a real Engine; what it makes is removed at the end."""

    engine: DockerForPeople
    image: str
    mark: str = field(default_factory=lambda: secrets.token_hex(4))

    async def call(self, method: str, request: Any, *more: Any, **how: Any) -> Heard:
        return await called(self.engine, method, request, *more, **how)

    async def done(self, method: str, request: Any, *more: Any, **how: Any) -> list[Any]:
        """The answers of a call that ends well."""
        heard = await self.call(method, request, *more, **how)
        assert heard.failure is None, heard.failure
        return heard.answers

    async def made(self, *command: str, **spec: Any) -> str:
        container = pb.ContainerSpec(image=self.image, command=command, labels={"mark": self.mark}, **spec)
        (answer,) = await self.done("CreateContainer", pb.CreateContainerRequest(container=container))
        return str(answer.id)

    async def running(self, *command: str, **spec: Any) -> str:
        identity = await self.made(*command or ("sh", "-c", FOREVER), **spec)
        await self.done("StartContainer", pb.StartContainerRequest(container=identity))
        return identity

    async def inspected(self, name: str) -> Any:
        (answer,) = await self.done("InspectDocker", pb.InspectDockerRequest(object=name))
        return json.loads(answer.json)

    async def clean(self) -> None:
        filters = f'{{"label": ["mark={self.mark}"]}}'
        for item in await self.engine.ask(EngineRequest("GET", "/containers/json", {"all": "1", "filters": filters})):
            with suppress(RuntimeFailure):
                await self.engine.ask(EngineRequest("DELETE", f"/containers/{item['Id']}", {"force": "1", "v": "1"}))
        for tag in ("1", "2", "3"):
            with suppress(RuntimeFailure):
                await self.engine.ask(EngineRequest("DELETE", f"/images/{self.repository}:{tag}", {"force": "1"}))

    @property
    def repository(self) -> str:
        return f"fairlead-contract/{self.mark}"


@pytest.fixture
async def bench(engine_image: str) -> AsyncIterator[Bench]:
    made = Bench(DockerForPeople(f"unix://{docker_socket()}"), engine_image)
    yield made
    await made.clean()
    made.engine.close()


def context(dockerfile: str) -> bytes:
    held, content = io.BytesIO(), dockerfile.encode()
    with tarfile.open(fileobj=held, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


async def test_docker_holds_what_people_asked_for(bench: Bench) -> None:
    identity = await bench.made(
        "sleep",
        "9",
        environment=["A=b"],
        volumes=["/anonymous", f"contract-{bench.mark}:/named:ro"],
        ports=["127.0.0.1::80", "53/udp"],
        restart="on-failure:2",
        memory=64 * 2**20,
        cpus=0.5,
        entrypoint_set=True,
        hostname="here",
        cap_drop=["NET_RAW"],
    )
    seen = await bench.inspected(identity)
    config, host = seen["Config"], seen["HostConfig"]
    assert (config["Cmd"], config["Entrypoint"], config["Hostname"]) == (["sleep", "9"], None, "here")
    assert "A=b" in config["Env"]
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    assert (host["Memory"], host["NanoCpus"], host["CapDrop"]) == (64 * 2**20, 500_000_000, ["NET_RAW"])
    assert host["PortBindings"]["80/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": ""}]
    assert {(each["Destination"], each["RW"]) for each in seen["Mounts"]} == {("/anonymous", True), ("/named", False)}
    await bench.done("RemoveContainer", pb.RemoveContainerRequest(container=identity, volumes=True))
    await bench.engine.ask(EngineRequest("DELETE", f"/volumes/contract-{bench.mark}"))


async def test_what_docker_finds_wrong(bench: Bench) -> None:
    heard = await bench.call("CreateContainer", pb.CreateContainerRequest(container=pb.ContainerSpec(image="none:1")))
    assert heard.failure is not None
    assert (heard.failure.code, "docker pull" in heard.failure.next_step) == ("NOT_FOUND", True)
    identity = await bench.made("no-such-program")
    heard = await bench.call("StartContainer", pb.StartContainerRequest(container=identity))
    assert heard.failure is not None
    assert (heard.failure.code, heard.failure.next_step) == (
        "INVALID_ARGUMENT",
        "Check the command and the image's entrypoint.",
    )


async def test_a_container_is_stopped_restarted_and_removed_by_the_beginning_of_its_identifier(bench: Bench) -> None:
    identity = await bench.running()
    short = identity[:10]
    await bench.done("RestartContainer", pb.RestartContainerRequest(container=short, seconds=-1))
    assert (await bench.inspected(short))["State"]["Running"]
    heard = await bench.call("RemoveContainer", pb.RemoveContainerRequest(container=short))
    assert heard.failure is not None
    assert (heard.failure.code, "Stop it first" in heard.failure.next_step) == ("FAILED_PRECONDITION", True)
    await bench.done("StopContainer", pb.StopContainerRequest(container=short, seconds=5))
    assert (await bench.inspected(short))["State"]["ExitCode"] == 0
    await bench.done("RemoveContainer", pb.RemoveContainerRequest(container=short))
    heard = await bench.call("InspectDocker", pb.InspectDockerRequest(object=identity))
    assert heard.failure is not None


@pytest.mark.parametrize("part", [{"fairlead.agent": "true"}, {"fairlead.component": "etcd"}])
async def test_ours_are_found_by_name_by_identifier_and_by_its_beginning(bench: Bench, part: dict[str, str]) -> None:
    body = {"Image": bench.image, "Cmd": ["sh"], "Labels": {"mark": bench.mark, **part}}
    name = f"contract-{bench.mark}"
    identity = (await bench.engine.ask(EngineRequest("POST", "/containers/create", {"name": name}, body)))["Id"]
    for reference in (name, f"/{name}", identity, identity[:8]):
        heard = await bench.call("RemoveContainer", pb.RemoveContainerRequest(container=reference, kill=True))
        assert heard.failure is not None
        assert "--force" in heard.failure.next_step
    await bench.done("RemoveContainer", pb.RemoveContainerRequest(container=name, force=True))


@pytest.mark.parametrize("code", [0, 3, 255])
async def test_one_that_ends_at_once_and_is_removed_still_tells_how_it_ended(bench: Bench, code: int) -> None:
    identity = await bench.made("sh", "-c", f"echo out; exit {code}", remove=True)
    target = pb.AttachTarget(container=identity, start=True)
    answers = await bench.done("AttachContainer", pb.AttachContainerRequest(target=target))
    assert answers[0].WhichOneof("frame") == "terminal"
    assert b"".join(answer.data for answer in answers) == b"\x01\0\0\0\0\0\0\x04out\n"
    assert (answers[-1].WhichOneof("frame"), answers[-1].exit_code) == ("exit_code", code)


async def test_a_command_with_a_terminal_an_environment_and_a_place(bench: Bench) -> None:
    identity = await bench.running()
    script = 'read line; echo "$A $PWD $line"; exit 4'
    target = pb.ExecTarget(
        container=identity,
        command=["sh", "-c", script],
        terminal=True,
        stdin=True,
        environment=["A=b"],
        working_directory="/bin",
    )
    frames = [
        pb.ExecContainerRequest(data=b"typed\r"),
        pb.ExecContainerRequest(size=pb.TerminalSize(rows=9, columns=9)),
    ]
    answers = await bench.done("ExecContainer", pb.ExecContainerRequest(target=target), *frames)
    assert answers[0].terminal is True
    assert b"".join(answer.data for answer in answers).endswith(b"b /bin typed\r\n")
    assert answers[-1].exit_code == 4


async def test_a_command_that_nobody_waits_for(bench: Bench) -> None:
    identity = await bench.running()
    target = pb.ExecTarget(container=identity, command=["sleep", "600"], detach=True)
    answers = await bench.done("ExecContainer", pb.ExecContainerRequest(target=target))
    assert [answer.WhichOneof("frame") for answer in answers] == ["terminal", "exit_code"]


async def test_images_are_made_named_and_told_of(bench: Bench) -> None:
    identity = await bench.running()
    changes, reference = ['CMD ["x"]', "ENV PASSWORD=hunter2"], f"{bench.repository}:1"
    commit = pb.CommitContainerRequest(container=identity, reference=reference, message="m", changes=changes)
    (made,) = await bench.done("CommitContainer", commit)
    await bench.done("TagImage", pb.TagImageRequest(image=reference, reference=f"{bench.repository}:2"))
    (listed,) = await bench.done("ListImages", pb.ListImagesRequest(reference=bench.repository))
    assert [sorted(image.tags) for image in listed.images] == [[reference, f"{bench.repository}:2"]]
    assert listed.images[0].id == made.id
    (history,) = await bench.done("GetImageHistory", pb.GetImageHistoryRequest(image=reference))
    assert (history.layers[0].id, history.layers[0].comment) == (made.id, "m")


async def test_an_image_is_built_and_what_it_prints_is_seen(bench: Bench) -> None:
    dockerfile = f"FROM {bench.image}\nARG A=x\nRUN echo built with $A\nLABEL l=m\n"
    target = pb.BuildTarget(tags=[f"{bench.repository}:3"], arguments={"A": "y"}, labels={"k": "v"})
    archive = context(dockerfile)
    frames = [pb.BuildImageRequest(data=archive[:700]), pb.BuildImageRequest(data=archive[700:])]
    answers = await bench.done("BuildImage", pb.BuildImageRequest(target=target), *frames)
    told = [json.loads(line) for line in b"".join(answer.data for answer in answers).splitlines()]
    assert {"stream": "built with y\n"} in told
    assert (await bench.inspected(f"{bench.repository}:3"))["Config"]["Labels"] == {"l": "m", "k": "v"}


@pytest.mark.parametrize(
    ("line", "code", "step"),
    [
        ("RUN --mount=type=cache,target=/x true", "FAILED_PRECONDITION", "heredocs"),
        ("COPY --chmod=755 a b", "FAILED_PRECONDITION", "heredocs"),
        ("RUN exit 3", "INVALID_ARGUMENT", "Dockerfile"),
        ("COPY not-there /", "INVALID_ARGUMENT", "Dockerfile"),
        ("FROM 127.0.0.1:1/none:1", "UNAVAILABLE", "registry"),
    ],
)
async def test_a_dockerfile_that_can_not_be_built(bench: Bench, line: str, code: str, step: str) -> None:
    archive = context(f"FROM {bench.image}\n{line}\n")
    heard = await bench.call(
        "BuildImage", pb.BuildImageRequest(target=pb.BuildTarget()), pb.BuildImageRequest(data=archive)
    )
    assert heard.failure is not None
    assert (heard.failure.code, step in heard.failure.next_step) == (code, True)


@pytest.mark.parametrize("line", ["RUN <<EOF\necho a\nEOF", "COPY <<EOF /x\na\nEOF"])
async def test_a_heredoc_is_refused_whatever_the_engine_makes_of_it(bench: Bench, line: str) -> None:
    archive = pb.BuildImageRequest(data=context(f"FROM {bench.image}\n{line}\n"))
    heard = await bench.call("BuildImage", pb.BuildImageRequest(target=pb.BuildTarget()), archive)
    assert heard.failure is not None
    assert "heredoc" in heard.failure.message + heard.failure.next_step
    assert "BuildKit" in heard.failure.message + heard.failure.next_step


async def test_a_build_without_a_context(bench: Bench) -> None:
    heard = await bench.call("BuildImage", pb.BuildImageRequest(target=pb.BuildTarget()))
    assert heard.failure is not None
    assert heard.failure.next_step


async def test_what_is_used_is_told_once(bench: Bench) -> None:
    identity = await bench.running("sh", "-c", "while :; do :; done")
    (answer,) = await bench.done("WatchStats", pb.WatchStatsRequest(containers=[identity[:12]], once=True))
    (seen,) = answer.stats
    assert (seen.id, seen.pids) == (identity, 1)
    assert 0.05 < seen.cpu < 2
    assert 0 < seen.memory < seen.memory_limit


async def test_events_of_the_past_are_told_and_end(bench: Bench) -> None:
    identity, began = await bench.running(), time.time()
    filters = [pb.DockerFilter(key="container", values=[identity])]
    wanted = pb.WatchDockerEventsRequest(since=began - 60, until=began, filters=filters)
    answers = await bench.done("WatchDockerEvents", wanted)
    lines = b"".join(answer.data for answer in answers).splitlines()
    assert [json.loads(line)["Action"] for line in lines] == ["create", "start"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_docker_goes_away_amid_a_log_and_a_command(bench: Bench, doorway: Doorway) -> None:
    identity = await bench.running()
    engine = DockerForPeople(f"unix://{doorway.path}")
    logs = pb.ReadLogsRequest(container=identity, tail=-1, follow=True)
    target = pb.ExecTarget(container=identity, command=["sleep", "600"])
    calls = [
        asyncio.create_task(called(engine, "ReadLogs", logs)),
        asyncio.create_task(called(engine, "ExecContainer", pb.ExecContainerRequest(target=target))),
        asyncio.create_task(called(engine, "AttachContainer", _attaching(identity))),
    ]
    since = {"since": f"{time.time() - 60:.0f}"}
    async with await bench.engine.open(EngineRequest("GET", "/events", since)) as events:
        seen = b""
        while b"exec_start: sleep 600" not in seen or b'"Action":"attach"' not in seen:
            seen += await events.read()
    await doorway.shut()
    for heard in await asyncio.gather(*calls):
        assert heard.failure is not None
        assert heard.failure.code == "UNAVAILABLE"
        assert "systemctl start docker" in heard.failure.next_step
    engine.close()
    gc.collect()  # the docker package leaves the socket of a lost connection to the collector, which warns of it


def _attaching(identity: str) -> pb.AttachContainerRequest:
    return pb.AttachContainerRequest(target=pb.AttachTarget(container=identity))


async def test_a_pull_that_hangs_is_left_at_once(bench: Bench) -> None:
    registry = SmallRegistry(context("FROM scratch"))
    try:
        registry.gate.clear()
        pulling = asyncio.create_task(bench.call("PullImage", pb.PullImageRequest(reference=registry.reference)))
        assert await asyncio.to_thread(registry.asked.wait, 20)
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)
        await _no_thread_left()
    finally:
        registry.close()


async def test_a_build_whose_client_goes_away_ends_its_request(bench: Bench) -> None:
    waiting = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield context(f"FROM {bench.image}\n")[:512]
        waiting.set()
        await asyncio.Event().wait()

    opening = asyncio.create_task(bench.engine.open(EngineRequest("POST", "/build"), body()))
    await waiting.wait()
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    await _no_thread_left()


async def test_an_engine_that_is_not_there() -> None:
    engine = DockerForPeople("unix:///nowhere/docker.sock")
    for asking in (engine.ask, engine.open):
        with pytest.raises(EngineAway, match="No such file or directory"):
            await asking(EngineRequest("GET", "/events"))
    heard = await called(engine, "ListImages", pb.ListImagesRequest())
    assert heard.failure is not None
    assert (heard.failure.code, "systemctl start docker" in heard.failure.next_step) == ("UNAVAILABLE", True)
    engine.close()


async def _no_thread_left() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("docker-open"):
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive()
