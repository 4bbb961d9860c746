"""The CLI as a process of its own: what goes on until somebody stops it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairlead_controller.model.event import Event
from fairlead_testing.api_server import ThreadedServer, ready_node

FAIRLEAD = str(Path(sys.executable).parent / "fairlead")
DEADLINE = 30
SPEC = """\
apiVersion: fairlead/v1
kind: Cluster
metadata: {name: lab}
spec: {kubernetes: v1.37.2}
"""

pytestmark = pytest.mark.timeout(60)


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        [FAIRLEAD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1, env=os.environ
    )
    with running:
        try:
            yield running
        finally:
            running.kill()


def line(running: subprocess.Popen[str], wanted: Callable[[str], bool]) -> str:
    """The first line of its output that is wanted."""
    assert running.stdout is not None
    for text in running.stdout:
        if wanted(text):
            return text
    raise AssertionError(f"it ended with {running.wait(DEADLINE)}: {running.stderr.read() if running.stderr else ''}")


def interrupted(running: subprocess.Popen[str]) -> str:
    """Ctrl-C; checks that it ends as it should, and returns what it said then."""
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    return said


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "cluster.yaml"
    path.write_text(SPEC)
    return str(path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([FAIRLEAD, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False)


async def happening(beside: ThreadedServer, kind: str) -> None:
    event = Event(kind, "Something.")
    await beside.server.store.write(lambda repositories: repositories.events.append(event, 1.0))
    beside.server.feed.publish("events")


def test_ctrl_c_ends_the_following_and_not_the_change(beside: ThreadedServer, spec: str) -> None:
    ready_node(beside.server, "lab-1")
    with process("apply", "-f", spec, "--skip-check", "reachable") as applying:
        assert line(applying, lambda text: "accepted" in text) == "Cluster lab: revision 1 is accepted.\n"
        assert "lab-1" in line(applying, lambda text: "waiting" in text)
        said = interrupted(applying)
    assert said.endswith(f"\nStopped following. The change goes on; `fairlead apply -f {spec}` again follows it.\n")

    with process("apply", "-f", spec) as again:
        line(again, lambda text: "accepted" in text)
        beside.agent("lab-1")
        assert "ready after" in line(again, lambda text: text.startswith("==>"))
        again.communicate(timeout=DEADLINE)
        assert again.returncode == 0
    assert beside.store(lambda repositories: repositories.clusters.revision("lab", 2)) is None


def test_following_events(beside: ThreadedServer) -> None:
    beside.do(happening(beside, "first"))
    with process("events", "--follow", "-o", "json") as following:
        assert json.loads(line(following, bool))["kind"] == "first"
        beside.do(happening(beside, "second"))
        assert json.loads(line(following, bool))["kind"] == "second"
        interrupted(following)


def test_following_a_change_survives_a_lost_connection(beside: ThreadedServer, spec: str) -> None:
    ready_node(beside.server, "lab-1")
    wire = beside.wire("wire")
    with process("--context", "wire", "apply", "-f", spec, "--skip-check", "reachable") as applying:
        line(applying, lambda text: "waiting" in text)
        beside.do(wire.cut())
        beside.agent("lab-1")
        assert "ready after" in line(applying, lambda text: text.startswith("==>"))


def test_following_events_misses_none_over_a_lost_connection(beside: ThreadedServer) -> None:
    wire = beside.wire("wire")
    beside.do(happening(beside, "first"))
    with process("--context", "wire", "events", "--follow", "-o", "json") as following:
        assert json.loads(line(following, bool))["kind"] == "first"
        beside.do(wire.cut())
        for kind in ("second", "third"):
            beside.do(happening(beside, kind))
            assert json.loads(line(following, bool))["kind"] == kind
        interrupted(following)


def test_watching_the_status(beside: ThreadedServer) -> None:
    with process("status", "--watch", "-o", "json") as watching:
        assert json.loads(line(watching, bool))["nodes"] == []
        beside.agent("lab-1")
        assert json.loads(line(watching, lambda text: "reachable" in text))["nodes"][0]["name"] == "nodes/lab-1"
        interrupted(watching)


def test_a_tunnel_carries_bytes(beside: ThreadedServer, spec: str) -> None:
    agent = beside.agent("lab-1")
    assert run("apply", "-f", spec).returncode == 0
    beside.shout(agent)
    with process("tunnel", "lab", "--listen", "127.0.0.1:0") as tunnel:
        said = line(tunnel, bool)
        assert said.endswith("leads to the apiserver of cluster lab; Ctrl-C ends it.\n")
        host, port = said.split()[0].split(":")
        for word in (b"hello", b"once more"):  # one connection after the other
            with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
                connection.sendall(word)
                assert connection.recv(100) == word.upper()
        interrupted(tunnel)


def test_a_tunnel_to_nowhere_says_so_at_once(beside: ThreadedServer) -> None:
    said = run("tunnel", "none", "--listen", "127.0.0.1:0")
    assert (said.returncode, said.stderr) == (1, "Error: There is no cluster 'none'.\n  → See `fairlead cluster ls`.\n")


def test_output_that_nobody_reads_is_no_error(beside: ThreadedServer) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{FAIRLEAD} --help | head -n 1"], capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert done.stderr == ""
