"""The floor: the same containers by plain `docker run`, all at once, with files and certificates there beforehand.

Nothing of Fairlead runs them. What they are is taken from what an agent held on the same server a moment before, so
images, flags, mounts and files are the very same.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import servers
from fairlead_agent.journal import decoded
from fairlead_agent.runtime.container_spec import OOM_SCORE
from fairlead_wire.assignment import Assignment
from fairlead_wire.task import Mount, TaskSpec

PREFIX = "floor-"
KEPT = "/var/lib/fairlead/floor.tar"
LEFTOVERS = (
    "/etc/kubernetes",
    "/etc/cni/net.d",
    "/var/lib/etcd/*",
    "/var/lib/cri-dockerd",
    "/run/flannel",
    "/run/cni-ipam",
    "/run/cri-dockerd.sock",
)


@dataclass(frozen=True)
class Script:
    """How one server is brought up by hand."""

    node: str
    held: Assignment

    @property
    def runs(self) -> str:
        """All containers at once; prints when the first was asked for."""
        lines = [f"{shlex.join(run_words(task))} >/dev/null &" for task in self.held.tasks]
        return "\n".join(["date +%s.%N", *lines, "wait"]) + "\n"

    def prepare(self) -> None:
        """Files, certificates and folders, as they are to be found before the first container."""
        folders = [folder for task in self.held.tasks for folder in task.directories]
        servers.script(self.node, "\n".join([f"tar -C / -xf {KEPT}", *_folders(folders)]))

    def start(self) -> float:
        """Seconds since 1970 at which the first container was asked for."""
        return float(servers.script(self.node, self.runs))

    def clear(self) -> None:
        """Takes all of it away again."""
        servers.script(self.node, CLEAR)


def recorded(node: str) -> Script:
    """The script of what an agent holds on a server now; its files are kept there."""
    journal = (servers.root(node) / "var/lib/fairlead/journal.json").read_bytes()
    held = decoded(journal).assignment
    assert held.tasks, f"{node} holds nothing"
    servers.script(node, f"tar -C / -cf {KEPT} etc/kubernetes etc/cni/net.d && chmod 600 {KEPT}")
    return Script(node, held)


def run_words(task: TaskSpec) -> list[str]:
    """The `docker run` line that makes the container which the agent makes of this task."""
    line = ["docker", "run", "--detach", "--name", f"{PREFIX}{task.component}", *_options(task), task.image]
    return [*line, *task.entrypoint[1:], *task.args]


def _options(task: TaskSpec) -> Iterator[str]:
    yield from ("--restart", "always", "--network", "host", "--user", "0:0", "--no-healthcheck")
    yield from ("--stop-timeout", str(task.limits.stop_seconds), "--security-opt", "label=disable")
    yield from ("--oom-score-adj", str(OOM_SCORE), "--log-driver", "json-file")
    yield from ("--log-opt", f"max-size={task.limits.log_bytes}", "--log-opt", f"max-file={task.limits.log_files}")
    if task.privileged:
        yield from ("--privileged", "--cgroupns", "host")
    if task.host_pid:
        yield from ("--pid", "host")
    for variable in task.env:
        yield from ("--env", f"{variable.name}={variable.value}")
    for mount in task.mounts:
        yield from ("--mount", _mount(mount))
    yield from ("--entrypoint", task.entrypoint[0])


def _mount(mount: Mount) -> str:
    words = f"type=bind,source={mount.source},target={mount.target},bind-propagation=r{mount.propagation}"
    return f"{words},readonly" if mount.read_only else words


def _folders(specs: list[str]) -> Iterator[str]:
    for spec in dict.fromkeys(specs):
        path, _, propagation = spec.partition(":")
        yield f"mkdir -p {path}"
        if propagation:
            yield f"mountpoint -q {path} || mount --bind {path} {path}; mount --make-rshared {path}"


CLEAR = f"""\
docker ps -aq --filter name=^{PREFIX} | xargs -r docker rm -f >/dev/null
docker ps -aq --filter label=io.kubernetes.docker.type | xargs -r docker rm -f >/dev/null
grep ' /var/lib/kubelet/' /proc/mounts | cut -d' ' -f2 | sort -r | xargs -r umount -l
rm -rf {" ".join(LEFTOVERS)}
find /var/lib/kubelet -mindepth 1 -delete
ip link del flannel.1 2>/dev/null || true
"""
