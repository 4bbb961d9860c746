"""A running lab for all tests of this folder: `fairlead lab up` makes what is missing of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fairlead_cli.lab import front, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import Result, require
from fairlead_cli.lab.walk import Kubectl
from fairlead_testing.engine_image import docker_socket

UP_SECONDS = 2400.0  # from nothing: most of it compiles Kubernetes
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
EVERYWHERE = ("api-proxy", "coredns", "cri-dockerd", "flannel", "kube-proxy", "kubelet")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a run also waits for the lab."""
    for item in items:
        if "end_to_end" in item.path.parts:
            item.add_marker(pytest.mark.timeout(UP_SECONDS + 300))


def give_images(lab: RunningLab, images: Mapping[str, str]) -> None:
    """Recipe → image: each is built on this machine's Engine and given to the lab's fleet."""
    for recipe, image in images.items():
        words = ["images", "build", recipe, "--engine", f"unix://{docker_socket()}"]
        require([str(front.command("fairlead")), *words], timeout=600, advice="See what it says")
        given = lab.fairlead("images", "push", image, timeout=120)
        assert given.ok, given.errors


def lab_command(*words: str, timeout: float = UP_SECONDS) -> subprocess.CompletedProcess[str]:
    """A `fairlead lab` command as people call it."""
    return subprocess.run(
        [front.command("fairlead"), "lab", *words], capture_output=True, text=True, timeout=timeout, check=False
    )


class RunningLab:
    """The lab, and the commands that a user of it has. `node` is its control plane."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.node = lab.nodes[0]
        self.kubectl = Kubectl(lab)

    def get(self, *words: str) -> Any:
        """What `kubectl get … -o json` shows."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def on_server(self, script: str, timeout: float = 60, node: str = "") -> str:
        """What a shell script prints on a server."""
        result = outer.in_node(node or self.node, script, timeout=timeout)
        assert result.ok, result.errors
        return result.output

    def containers(self, node: str = "") -> list[dict[str, Any]]:
        """What `docker inspect` tells of every container on a server; one may go while we look."""
        script = "docker inspect $(docker ps -aq) 2>/dev/null; true"
        found: list[dict[str, Any]] = json.loads(self.on_server(script, node=node))
        return found

    def components(self, node: str) -> list[str]:
        """The names of the components that run on a server, one for each container."""
        labels = [each["Config"]["Labels"] for each in self.containers(node) if each["State"]["Running"]]
        return sorted(each["fairlead.component"] for each in labels if "fairlead.component" in each)

    def fairlead(self, *words: str, timeout: float = 60) -> Result:
        """How a `fairlead` command ends."""
        return front.try_fairlead(self.lab, *words, timeout=timeout)

    def component(self, name: str) -> dict[str, Any]:
        """The one running container of a component."""
        [found] = [
            container
            for container in self.containers()
            if container["Config"]["Labels"].get("fairlead.component") == name and container["State"]["Running"]
        ]
        return found


@pytest.fixture(scope="session")
def lab() -> RunningLab:
    """The lab with its three servers, up and walked."""
    done = lab_command("up")
    assert done.returncode == 0, done.stdout + done.stderr
    return RunningLab(Lab())


@pytest.fixture(scope="session")
def docker_lab() -> Iterator[RunningLab]:
    """A lab of two servers for the commands of `fairlead docker`, taken away at the end."""
    made = RunningLab(Lab("docker", 2))
    done = lab_command("up", "--name", "docker", "--servers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    yield made
    lab_command("down", "--name", "docker")


@pytest.fixture
def pod(lab: RunningLab) -> Iterator[str]:
    """A running pod with nginx, deleted at the end."""
    name = "tested"
    lab.kubectl("delete", "pod", name, "--ignore-not-found", "--timeout=60s", timeout=70)
    lab.kubectl("run", name, "--image=nginx", "--port=80", f"--labels=app={name}")
    lab.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s", timeout=70)
    yield name
    lab.kubectl("delete", "pod", name, "--timeout=60s", timeout=70)
