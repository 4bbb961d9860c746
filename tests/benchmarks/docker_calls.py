"""Docker commands across the fleet, beside Docker's own on the same Engine: how long people wait."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks import docker_logs, servers
from benchmarks.figures import Figure
from fairlead_cli.client import Client, run
from fairlead_cli.lab import front
from fairlead_cli.lab.names import Lab
from fairlead_testing.typed_terminal import Person, terminal

IMAGE, NAME = "fairlead/kubelet:v1.37.2", "bench-talks"
REPEATS, KEYS = 5, 40

TALKS = f"docker run -d --name {NAME} --entrypoint sh {IMAGE} -c 'while :; do date; sleep 0.2; done'"


def figures(lab: Lab) -> list[Figure]:
    """Of a worker, so that a controller and an agent of a cluster at rest lie between."""
    node = lab.nodes[1]
    servers.script(node, f"docker rm -f {NAME} >/dev/null 2>&1 || true; {TALKS}")
    try:
        return [_ps(lab, node), _first_byte(lab, node), _key(lab, node), *docker_logs.figures(lab, node, NAME, IMAGE)]
    finally:
        servers.script(node, f"docker rm -f {NAME}")


def _ps(lab: Lab, node: str) -> Figure:
    """What is left of the time once 1.3 times Docker's own is taken away."""
    ours = [str(front.command("fairlead")), "--context", lab.name, "docker", "ps", "--node", node]
    pairs = [(timed(ours), timed(["docker", "ps"], node)) for _ in range(REPEATS + 1)][1:]
    said = f"medians {median(mine for mine, _ in pairs):.2f} s and {median(own for _, own in pairs):.3f} s"
    over = tuple(max(0.0, mine - 1.3 * own) * 1000 for mine, own in pairs)
    return Figure("`fairlead docker ps --node N`, over 1.3 times `docker ps`", "ms", 150, over, said)


def _first_byte(lab: Lab, node: str) -> Figure:
    """Of a connection that is there."""

    async def one(client: Client) -> float:
        begin = time.perf_counter()
        await docker_logs.first(client, node, NAME)
        return (time.perf_counter() - begin) * 1000

    async def measured(client: Client) -> tuple[float, ...]:
        await one(client)
        return tuple([await one(client) for _ in range(REPEATS)])

    return Figure("`logs -f`, first byte after the stream is asked for", "ms", 100, run(lab.name, measured))


def _key(lab: Lab, node: str) -> Figure:
    """A key that is typed at `exec -it` and shown, in turn through the fleet and by Docker's own client."""
    command = ("exec", "-it")
    ours = (str(front.command("fairlead")), "--context", lab.name, "docker", *command, "--node", node, NAME, "cat")
    with terminal(*ours) as mine, local(node), terminal("docker", *command, NAME, "cat") as own:
        for person in (mine, own):
            _there(person)
            _typed(person)
        rounds = [(_typed(mine), _typed(own)) for _ in range(REPEATS)]
    said = f"{median(mine for mine, _ in rounds):.1f} ms and {median(own for _, own in rounds):.1f} ms"
    return Figure("A key at `exec -it`, over Docker's own", "ms", 5, tuple(mine - own for mine, own in rounds), said)


def _there(person: Person) -> None:
    """Returns once what is typed goes to the container and not to a terminal that still shows it by itself."""
    end = time.monotonic() + docker_logs.FIRST_SECONDS
    while not person.is_raw() and time.monotonic() < end:
        time.sleep(0.02)
    person.types(b"there\r")
    person.sees(b"there\r\nthere\r\n")


def _typed(person: Person) -> float:
    """Milliseconds until a key is shown, half of them less."""
    times = []
    for _ in range(KEYS):
        begin = time.perf_counter()
        person.types(b"x")
        person.sees(b"x")
        times.append(time.perf_counter() - begin)
    return median(times) * 1000


def timed(line: list[str], node: str = "") -> float:
    """Seconds of a command that must end well; with a node, towards its Engine."""
    with local(node):
        return docker_logs.timed(line)


@contextmanager
def local(node: str) -> Iterator[None]:
    """Docker's own client leads to that server's Engine in the block, by its socket."""
    before = os.environ.get("DOCKER_HOST")
    if node:
        os.environ["DOCKER_HOST"] = f"unix://{servers.root(node)}/run/docker.sock"
    try:
        yield
    finally:
        os.environ.pop("DOCKER_HOST", None)
        if before is not None:
            os.environ["DOCKER_HOST"] = before
