"""kill -9 of the controller or of the agent in the middle of a bring-up: it goes on, and nothing is made twice."""

from __future__ import annotations

import random
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fairlead_cli.lab import front, network, outer
from fairlead_testing.fault_lab import COMPONENTS, FaultLab, ids, lab_command

UP_SECONDS = 300.0
LOOK_SECONDS = 0.1


def is_healthy(lab: FaultLab) -> bool:
    """Whether the apiserver of the server calls itself healthy."""
    unchecked = ssl._create_unverified_context()
    address = network.addresses(lab.lab).server(0)
    try:
        with urllib.request.urlopen(f"https://{address}:6443/readyz", timeout=2, context=unchecked) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


MOMENTS: dict[str, Callable[[FaultLab], bool]] = {
    "enrolled": lambda lab: lab.holds("test -s /var/lib/fairlead/identity.json"),
    "claimed": lambda lab: lab.holds(f'grep -q \'"cluster": "{lab.lab.name}"\' /var/lib/fairlead/journal.json'),
    "first container": lambda lab: lab.holds("docker ps -q --filter label=fairlead.component | grep -q ."),
    "apiserver healthy": is_healthy,
}


def kill_agent(lab: FaultLab) -> None:
    """kill -9 of its process, which Docker starts again by its policy; it may be between two lives."""
    lab.holds("kill -9 $(docker inspect --format '{{.State.Pid}}' fairlead-agent)")


def kill_controller(lab: FaultLab) -> None:
    """kill -9, and a start at once, as its unit would."""
    lab.kill_controller()
    lab.start_controller()


KILLS = {"controller": kill_controller, "agent": kill_agent}


@pytest.fixture
def nothing(lab: FaultLab) -> None:
    """A controller that knows nothing and a server that has only images: as if both were new."""
    # The kubelet may be removing one of them at that very moment, as that of the pod which has just been deleted.
    lab.on_server('until test -z "$(docker ps -aq)"; do docker ps -aq | xargs -r docker rm -f || true; done')
    lab.stop_controller()
    outer.docker("rm", "--force", lab.node)
    volumes = [volume for volume in lab.lab.volumes_of(lab.node) if volume != f"{lab.node}-docker"]
    outer.docker("volume", "rm", "--force", *volumes)
    subprocess.run(["rm", "-rf", lab.lab.controller_data], check=True, timeout=60)
    lab.lab.initialised.unlink()
    lab.lab.context.unlink()


@contextmanager
def bring_up(lab: FaultLab) -> Iterator[subprocess.Popen[str]]:
    """`fairlead lab up`, under way."""
    words = [str(front.command("fairlead")), "lab", "up", "--name", lab.lab.name, "--servers", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(moment: Callable[[FaultLab], bool], lab: FaultLab, process: subprocess.Popen[str]) -> None:
    """The moment itself, to a tenth of a second, or the end of the bring-up if that comes first."""
    end = time.monotonic() + UP_SECONDS
    while not moment(lab) and process.poll() is None:
        assert time.monotonic() < end, "the moment did not come"
        time.sleep(LOOK_SECONDS)


def check_complete(lab: FaultLab, process: subprocess.Popen[str]) -> None:
    """The bring-up ends well, and each component's container was created once.

    A call that met nobody says so and ends; then the same command goes on, as people would have it.
    """
    output, _ = process.communicate(timeout=UP_SECONDS)
    if process.returncode:
        again = lab_command("up", "--name", lab.lab.name, "--servers", "1", timeout=UP_SECONDS)
        assert again.returncode == 0, output + again.stdout + again.stderr
    assert sorted(lab.created_since("0")) == sorted(COMPONENTS)
    assert ids(lab.until_well()).keys() == COMPONENTS


@pytest.mark.parametrize("who", KILLS)
def test_it_completes_though_each_stage_of_it_is_killed(lab: FaultLab, nothing: None, who: str) -> None:
    with bring_up(lab) as process:
        for moment in MOMENTS.values():
            until(moment, lab, process)
            KILLS[who](lab)
        check_complete(lab, process)


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("who", KILLS)
def test_it_completes_after_a_single_kill(lab: FaultLab, nothing: None, who: str, moment: str) -> None:
    with bring_up(lab) as process:
        until(MOMENTS[moment], lab, process)
        KILLS[who](lab)
        check_complete(lab, process)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_it_completes_after_kills_at_random_moments(lab: FaultLab, nothing: None, seed: int) -> None:
    chance = random.Random(seed)
    with bring_up(lab) as process:
        until(MOMENTS["enrolled"], lab, process)
        for _ in range(3):
            due = time.monotonic() + chance.uniform(0, 6)
            until(lambda _: time.monotonic() > due, lab, process)  # noqa: B023
            KILLS[chance.choice(sorted(KILLS))](lab)
        check_complete(lab, process)
