"""`fairlead docker`, broken off: the controller, the agent or the node's dockerd is killed amid each streaming command.

Whoever follows is told at once and in one sentence; nothing that ran on the node is touched by it; the same command
works again as soon as the killed one is back.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairlead_cli.lab import front
from fairlead_testing.fault_lab import FaultLab

from .conftest import RunningLab

pytestmark = [
    pytest.mark.long,
    # A controller that is started outlives the call, and should.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

NAME, IMAGE = "break-me", "fairlead/kubelet:v1.37.2"
TALK = "while :; do echo talks; sleep 0.1; done"
FIRST_SECONDS, END_SECONDS = 60.0, 60.0
MAY_GO_ON = ("stats", "dockerd")
"""It asks once a second, and another dockerd may be there by then: Docker's own would end, ours need not."""

COMMANDS = {
    "logs": ("logs", "-f", "--tail", "1", "{node}", NAME),
    "events": ("events", "{node}"),
    "stats": ("stats", "{node}", NAME),
    "exec": ("exec", "-i", "{node}", NAME, "sh", "-c", TALK),
    "run": ("run", "--name", f"{NAME}-run", "{node}", "--entrypoint", "sh", IMAGE, "-c", TALK),
    "build": ("build", "--no-cache", "{node}", "-t", f"{NAME}:built", "{context}"),
}


@pytest.fixture(scope="module")
def faults(docker_lab: RunningLab) -> FaultLab:
    return FaultLab(docker_lab.lab)


@pytest.fixture(autouse=True)
def broken(faults: FaultLab) -> Iterator[None]:
    """A container that talks, on a server that is well; away afterwards."""
    clear(faults)
    faults.on_server(f'docker run -d --name {NAME} --entrypoint sh {IMAGE} -c "{TALK}"')
    yield
    clear(faults)


@pytest.fixture(scope="module", autouse=True)
def left_well(docker_lab: RunningLab, faults: FaultLab) -> Iterator[None]:
    """The other server lost its controller too; who uses the lab next finds both connected."""
    yield
    faults.until(lambda: docker_lab.fairlead("docker", "ps", "--all").ok, "both servers answer")


def until_well(faults: FaultLab) -> None:
    """All components of the server run, and the controller calls them healthy."""
    faults.until(lambda: not faults.unwell(), "everything is healthy")
    faults.until_runs(lambda runs: True, "everything runs")


def clear(faults: FaultLab) -> None:
    faults.on_server(
        f"docker rm -fv $(docker ps -aqf name=^{NAME}) 2>/dev/null; docker rmi -f {NAME}:built 2>/dev/null; true"
    )


def kill_controller(faults: FaultLab) -> None:
    faults.kill_controller()


def kill_agent(faults: FaultLab) -> None:
    faults.on_server("kill -9 $(docker inspect --format '{{.State.Pid}}' fairlead-agent)")


def kill_dockerd(faults: FaultLab) -> None:
    faults.on_server("pkill -KILL -x dockerd")


KILLS: dict[str, Callable[[FaultLab], None]] = {
    "controller": kill_controller,
    "agent": kill_agent,
    "dockerd": kill_dockerd,
}


@contextmanager
def stirred(faults: FaultLab) -> Iterator[None]:
    """Something happens on the server all the time, so that there are events to be shown."""
    over = threading.Event()

    def stir() -> None:
        while not over.wait(0.3):
            faults.holds(f"docker exec {NAME} true")

    stirring = threading.Thread(target=stir)
    stirring.start()
    try:
        yield
    finally:
        over.set()
        stirring.join()


def goes_on(faults: FaultLab, following: subprocess.Popen[bytes]) -> bool:
    """Whether it goes on with what another dockerd tells; it is left with Ctrl-C then."""
    faults.until(lambda: faults.holds("docker version >/dev/null 2>&1"), "another dockerd answers")
    assert following.stdout is not None
    while select.select([following.stdout], [], [], 0)[0] and os.read(following.stdout.fileno(), 65536):
        pass  # what was shown before
    if following.poll() is not None:
        return False
    assert first_words(following)
    following.send_signal(signal.SIGINT)
    assert following.wait(END_SECONDS) == 130
    return True


def first_words(following: subprocess.Popen[bytes]) -> bytes:
    """What is shown first."""
    assert following.stdout is not None
    assert select.select([following.stdout], [], [], FIRST_SECONDS)[0], "nothing is shown"
    return os.read(following.stdout.fileno(), 65536)


@pytest.mark.parametrize("killed", KILLS)
@pytest.mark.parametrize("command", COMMANDS)
def test_who_follows_is_told(faults: FaultLab, tmp_path: Path, command: str, killed: str) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN sleep 3600\n", encoding="utf-8")
    words = [word.format(node=f"--node={faults.node}", context=tmp_path) for word in COMMANDS[command]]
    line = [str(front.command("fairlead")), "--context", faults.lab.name, "docker", *words]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, **streams) as following:  # type: ignore[call-overload]
        try:
            with stirred(faults):
                assert first_words(following)
            KILLS[killed](faults)
            begun = time.monotonic()
            if (command, killed) == MAY_GO_ON and goes_on(faults, following):
                return
            _, said = following.communicate(timeout=END_SECONDS)
            took = time.monotonic() - begun
        finally:
            following.kill()
            if killed == "controller":
                faults.start_controller()
    assert following.returncode not in (0, 130), said
    assert said.decode().lstrip().startswith("Error: "), said
    assert "→ " in said.decode()
    assert took < END_SECONDS / 2
    until_well(faults)
    faults.until(lambda: works(faults), "logs are shown again")
    assert faults.on_server(f"docker inspect --format '{{{{.RestartCount}}}}' {NAME}").strip() == "0"


def works(faults: FaultLab) -> bool:
    """Whether a command through all three ends well."""
    shown = front.try_fairlead(faults.lab, "docker", "logs", "--tail", "1", "--node", faults.node, NAME)
    return shown.ok and shown.output == "talks\n"
