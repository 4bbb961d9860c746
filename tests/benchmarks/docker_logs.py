"""`fairlead docker logs` of a gibibyte and of many followers: speed beside Docker's own, the controller's memory."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from math import inf

from benchmarks import footprint, servers
from benchmarks.figures import Figure, ratio
from fairlead.api.v1 import docker_pb2
from fairlead_cli.client import Client, run
from fairlead_cli.docker.nodes import resource
from fairlead_cli.lab import controller_process, front
from fairlead_cli.lab.names import Lab

NAME, REPEATS, FOLLOWERS = "bench-writes", 3, 100
SECONDS, LOOK_SECONDS, FOLLOW_SECONDS, FIRST_SECONDS = 180, 0.05, 5.0, 30.0
MEBIBYTES, LINES = 1024, 1 << 20  # of 1 KiB each
SLOWEST = 1 / 0.6  # the budget says speed: 0.6 of Docker's own

WRITES = """\
docker run --name {name} --log-driver json-file --log-opt max-size=4g --entrypoint sh {image} -c '
  line=$(printf %01023d 0); yes "$line" | head -n {lines}' >/dev/null
"""


def figures(lab: Lab, node: str, talking: str, image: str) -> list[Figure]:
    """`talking`: a container that goes on writing."""
    servers.script(node, f"docker rm -f {NAME} >/dev/null 2>&1 || true")
    try:
        servers.script(node, WRITES.format(name=NAME, image=image, lines=LINES))
        return [*_a_gibibyte(lab, node), *_followers(lab, node, talking)]
    finally:
        servers.script(node, f"docker rm -f {NAME}")


def _a_gibibyte(lab: Lab, node: str) -> Iterator[Figure]:
    """Both clients write to the same pipe, which throws all away."""
    ours = [str(front.command("fairlead")), "--context", lab.name, "docker", "logs", "--node", node, NAME]
    own = ["docker", "--host", f"unix://{servers.root(node)}/run/docker.sock", "logs", NAME]
    timed(own)
    mine, theirs, grown = [], [], []
    for _ in range(REPEATS):
        theirs.append(timed(own))
        with growth(lab) as more:
            mine.append(timed(ours))
        grown.append(more())
    yield ratio("`logs` of 1 GiB in lines of 1 KiB, by Docker's own", SLOWEST, mine, theirs)
    yield Figure("… speed", "MiB/s", 0, tuple(MEBIBYTES / seconds for seconds in mine))
    yield Figure("… growth of the controller amid a gibibyte", "MiB", 16, tuple(grown))


def _followers(lab: Lab, node: str, talking: str) -> Iterator[Figure]:
    """All at once, over one connection, for some seconds."""

    async def all_of_them(client: Client) -> list[float]:
        return await asyncio.gather(*(_followed(client, node, talking) for _ in range(FOLLOWERS)))

    with growth(lab) as more:
        firsts = run(lab.name, all_of_them)
    yield Figure(f"{FOLLOWERS} followers at once, first byte", "s", 0, tuple(firsts))
    yield Figure("… growth of the controller with 100 followers", "MiB", 16, (more(),))


async def _followed(client: Client, node: str, name: str) -> float:
    """Seconds until the first byte came; infinite if none did."""
    begin, came = time.perf_counter(), inf
    with suppress(TimeoutError):
        async with asyncio.timeout(FOLLOW_SECONDS):
            async for _ in log(client, node, name):
                came = min(came, time.perf_counter() - begin)
    return came


async def first(client: Client, node: str, name: str) -> None:
    """Returns when the first byte is there."""
    async with aclosing(log(client, node, name)) as blocks:
        await anext(blocks)


async def log(client: Client, node: str, name: str) -> AsyncGenerator[bytes]:
    """What a container writes, its last line first."""
    request = docker_pb2.ReadLogsRequest(node=resource(node), container=name, follow=True, tail=1)
    async with aclosing(client.stream(client.docker.ReadLogs, request)) as answers:
        async for answer in answers:
            if answer.data:
                yield answer.data


@contextmanager
def growth(lab: Lab) -> Iterator[Callable[[], float]]:
    """How many MiB more than before the block the controller had resident within it, at most."""
    process = controller_process.process(lab)
    assert process is not None
    before, seen, over = footprint.resident(process), [0.0], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            seen.append(footprint.resident(process) - before)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield lambda: max(seen)
    finally:
        over.set()
        looking.join()


def timed(line: list[str]) -> float:
    """Seconds of a command that must end well; what it writes goes to nobody."""
    begin = time.perf_counter()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)
    return time.perf_counter() - begin
