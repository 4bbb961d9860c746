"""A fleet of one node: this machine's real Engine, behind a real agent's session."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead_agent.docker_calls.conversation import DockerCalls
from fairlead_agent.docker_calls.permission import Permission
from fairlead_agent.runtime.people_engine import DockerForPeople
from fairlead_testing.api_cli import Said
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.connected_agent import connected
from fairlead_testing.engine_image import docker_socket
from fairlead_wire.docker_calls import RELAY_TARGET


@contextmanager
def engine_fleet(beside: ThreadedServer, state: Path) -> Iterator[None]:
    """The node is the controller's until the end; its policy allows everything."""
    engine = DockerForPeople(f"unix://{docker_socket()}")
    calls = DockerCalls(engine, Permission("full", str(state / "policy.json")))

    async def begin() -> None:
        server = beside.server
        agent = connected(server.enrolment_endpoint, state, token=server.token(), conversations={RELAY_TARGET: calls})
        await beside.keep(agent)
        await server.event("node-connected")

    beside.do(begin())
    try:
        yield
    finally:
        engine.close()


def real_docker(*words: str, stdin: bytes = b"", cwd: Path | None = None) -> Said:
    """Docker's own client, with the classic builder where it may choose."""
    done = subprocess.run(
        ["env", "DOCKER_BUILDKIT=0", "docker", *words],
        input=stdin,
        capture_output=True,
        timeout=90,
        check=False,
        cwd=cwd,
    )
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
