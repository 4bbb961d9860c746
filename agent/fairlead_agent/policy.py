"""What this node allows any controller to ask: /var/lib/fairlead/policy.json, written by the node's owner, never by us,
and read when the agent starts.

Every key is optional; a missing one has its default. An example that says all:

    {
      "images": ["registry.k8s.io/", "ghcr.io/flannel-io/", "fairlead/"],
      "paths": {"/etc/kubernetes": "remove", "/lib/modules": "read", "/run": "privileged"},
      "privileged": ["cri-dockerd", "kubelet", "kube-proxy", "flannel"],
      "docker": "read",
      "fleet_images": true
    }

images      references may begin with these; "fairlead/" means docker.io/fairlead/, as it does to Docker
paths       host paths with all below them, the longest that fits counts:
              read        may be mounted read-only
              write       may be written and mounted
              remove      may be removed too
              privileged  may be mounted by privileged components only: who has it, has the server
            given here, they are added to the defaults; "none" takes one away
privileged  components that may be privileged and may share the host's PID namespace
docker      Docker commands for people: off, read or full
fleet_images  whether images may come from the fleet's own registries, under the names that "images" allows; it also
            means that this node's Docker is given certificates for them, in /etc/docker/certs.d. Without it images
            come only from the registries that their names say
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fairlead_agent.effects import HostFailure
from fairlead_agent.host_paths import below, checked
from fairlead_wire.references import full_name
from fairlead_wire.task import Mount, TaskSpec

FILE = Path("/var/lib/fairlead/policy.json")
NONE, READ, WRITE, REMOVE, PRIVILEGED = "none", "read", "write", "remove", "privileged"
LEVELS = (NONE, READ, WRITE, REMOVE, PRIVILEGED)
DOCKER_LEVELS = ("off", "read", "full")

IMAGES = ("registry.k8s.io/", "ghcr.io/flannel-io/", "docker.io/fairlead/")
PATHS: Mapping[str, str] = {
    "/etc/kubernetes": REMOVE,
    "/etc/cni": REMOVE,
    "/opt/cni": REMOVE,
    "/var/lib/etcd": REMOVE,
    "/var/lib/kubelet": REMOVE,
    "/var/lib/cni": REMOVE,
    "/var/lib/cri-dockerd": REMOVE,
    "/var/log/pods": REMOVE,
    "/var/log/containers": REMOVE,
    "/var/log/kubernetes": REMOVE,
    "/run/flannel": REMOVE,
    "/run/cni-ipam": REMOVE,
    "/run/cri-dockerd.sock": REMOVE,
    "/run/systemd/resolve": READ,
    "/etc/resolv.conf": READ,
    "/etc/machine-id": READ,
    "/etc/os-release": READ,
    "/lib/modules": READ,
    "/run": PRIVILEGED,
    "/sys": PRIVILEGED,
    "/dev": PRIVILEGED,
}
COMPONENTS = ("cri-dockerd", "kubelet", "kube-proxy", "flannel")


@dataclass(frozen=True)
class NodePolicy:
    """See `effects.Policy`. `docker_root` is where the node's Docker keeps its data: for privileged components only."""

    images: tuple[str, ...] = IMAGES
    paths: Mapping[str, str] = field(default_factory=lambda: dict(PATHS))
    privileged: tuple[str, ...] = COMPONENTS
    docker: str = "read"
    fleet_images: bool = True
    docker_root: str = "/var/lib/docker"
    file: str = str(FILE)

    def with_docker_root(self, root: str) -> NodePolicy:
        return replace(self, docker_root=root)

    def refusal(self, task: TaskSpec) -> str:
        return next(self._refusals(task), "")

    def file_refusal(self, path: str) -> str:
        """Whether a file may be written there."""
        return self._path_refusal(path, "written", (WRITE, REMOVE), WRITE)

    def removal_refusal(self, path: str) -> str:
        """Whether a path may be removed with all in it."""
        return self._path_refusal(path, "removed", (REMOVE,), REMOVE)

    def image_refusal(self, reference: str) -> str:
        """Whether the node may have an image."""
        if full_name(reference).startswith(tuple(normalised_prefix(prefix) for prefix in self.images)):
            return ""
        return self._sentence(f"the image {reference}", f'add where it comes from to "images" in {self.file}')

    def _refusals(self, task: TaskSpec) -> Iterator[str]:
        if sentence := self.image_refusal(task.image):
            yield sentence
        if (task.privileged or task.host_pid) and task.component not in self.privileged:
            what = "be privileged" if task.privileged else "share the PID namespace of the host"
            yield self._sentence(
                f"{task.component} to {what}", f'add "{task.component}" to "privileged" in {self.file}'
            )
        yield from (self._mount_refusal(mount, task) for mount in task.mounts if self._mount_refusal(mount, task))
        for spec in task.directories:
            if sentence := self._path_refusal(spec.partition(":")[0], "made", LEVELS[1:], WRITE):
                yield sentence

    def _mount_refusal(self, mount: Mount, task: TaskSpec) -> str:
        allowed = (READ, WRITE, REMOVE) if mount.read_only else (WRITE, REMOVE)
        if task.privileged and task.component in self.privileged:
            allowed = (*allowed, PRIVILEGED)
        how = "mounted read-only" if mount.read_only else "mounted"
        by = f"{how} by {task.component}"
        return self._path_refusal(mount.source, by, allowed, READ if mount.read_only else WRITE)

    def _path_refusal(self, path: str, verb: str, allowed: tuple[str, ...], needed: str) -> str:
        try:
            level = self._level(checked(path))
        except HostFailure as failure:
            return f"{failure}."
        if level in allowed:
            return ""
        now = f", where it is {level!r} now" if level != NONE else ""
        return self._sentence(f"{path} to be {verb}", f'set "{path}" to "{needed}" in "paths" of {self.file}{now}')

    def _level(self, path: str) -> str:
        """Of the longest rule that the path lies in. What holds Docker's data is for privileged components only."""
        rules = {**self.paths, self.docker_root: self.paths.get(self.docker_root, PRIVILEGED)}
        fitting = [rule for rule in rules if below(path, rule)]
        return rules[max(fitting, key=len)] if fitting else NONE

    def _sentence(self, what: str, remedy: str) -> str:
        return (
            f"This node's policy does not allow {what}; to allow it, {remedy} on that server, then restart the agent."
        )


def load(file: Path = FILE) -> NodePolicy:
    """The policy of this node; the default without a file. Raises HostFailure for a file that can't be understood:
    then nothing is allowed until it is put right."""
    try:
        raw = json.loads(file.read_text())
    except FileNotFoundError:
        return NodePolicy(file=str(file))
    except (OSError, ValueError) as failure:
        raise HostFailure(f"{file} can't be read ({failure}); correct it, or remove it for the defaults") from None
    return _parsed(raw, file)


def normalised_prefix(prefix: str) -> str:
    """As Docker completes names; one without a slash is a whole registry: "example.com" → "example.com/"."""
    return full_name(prefix if "/" in prefix else f"{prefix}/")


def _parsed(raw: Any, file: Path) -> NodePolicy:
    known = {"images", "paths", "privileged", "docker", "fleet_images"}
    if not isinstance(raw, dict) or not known.issuperset(raw):
        raise HostFailure(f"{file} has to be an object with only {', '.join(sorted(known))}")
    paths = raw.get("paths", {})
    if not isinstance(paths, dict) or any(level not in LEVELS for level in paths.values()):
        raise HostFailure(f'"paths" in {file} has to map paths to one of: {", ".join(LEVELS)}')
    for key in ("images", "privileged"):
        if not _are_words(raw.get(key, [])):
            raise HostFailure(f'"{key}" in {file} has to be a list of strings')
    if raw.get("docker", "read") not in DOCKER_LEVELS:
        raise HostFailure(f'"docker" in {file} has to be one of: {", ".join(DOCKER_LEVELS)}')
    if not isinstance(raw.get("fleet_images", True), bool):
        raise HostFailure(f'"fleet_images" in {file} has to be true or false')
    return NodePolicy(
        images=tuple(raw.get("images", IMAGES)),
        paths={**PATHS, **{checked(path): level for path, level in paths.items()}},
        privileged=tuple(raw.get("privileged", COMPONENTS)),
        docker=raw.get("docker", "read"),
        fleet_images=raw.get("fleet_images", True),
        file=str(file),
    )


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
