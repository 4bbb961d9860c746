"""A lab of its own that things are done to: what its server runs, what its controller tells, and how to hurt both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead_cli.lab import controller_process, front, network, outer
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import Result
from fairlead_cli.lab.wait import T, until
from fairlead_cli.lab.walk import Kubectl

COMPONENTS = frozenset(
    {
        "api-proxy",
        "coredns",
        "cri-dockerd",
        "etcd",
        "flannel",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubelet",
    }
)
# Beside other work on two cores; each wait ends as soon as its condition holds.
WAIT_SECONDS = 150.0
CALL_SECONDS = 60.0
_SHOWN = '{{index .Config.Labels "fairlead.component"}} {{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Running}}'


@dataclass(frozen=True)
class Run:
    """One run of one container: another id is another container, another start another run of it."""

    id: str
    started: str
    running: bool


Runs = Mapping[str, Run]
Event = Mapping[str, Any]


def ids(runs: Runs) -> dict[str, str]:
    """Component → container."""
    return {component: run.id for component, run in runs.items()}


class FaultLab:
    """A lab with one server. `lab up` makes it; everything here waits for a condition, never for a time."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.node = lab, lab.nodes[0]
        self.kubectl = Kubectl(lab)

    # the server

    def on_server(self, script: str, timeout: float = CALL_SECONDS) -> str:
        """What a shell script prints on the server."""
        result = outer.in_node(self.node, script, timeout=timeout)
        assert result.ok, result.output + result.errors
        return result.output

    def holds(self, script: str) -> bool:
        """Whether a shell script ends well on the server."""
        return outer.in_node(self.node, script, timeout=CALL_SECONDS).ok

    def runs(self) -> dict[str, Run]:
        """The runs of all components, also of those that are down; none while Docker does not answer.

        A predecessor that is set aside until its successor is healthy has another name, and is left out.
        """
        listed = f"docker ps -aq --filter label=fairlead.component | xargs -r docker inspect --format '{_SHOWN}'"
        lines = outer.in_node(self.node, f"{listed} 2>/dev/null", timeout=CALL_SECONDS).output.splitlines()
        found = [line.split() for line in lines]
        return {
            component: Run(id, started, running == "true")
            for component, name, id, started, running in found
            if name == f"/fairlead-{component}"
        }

    def agent(self) -> str:
        """The process id of the agent on the server; "0" while it is down."""
        return self.on_server("docker inspect --format '{{.State.Pid}}' fairlead-agent").strip()

    def server_time(self) -> str:
        """Now, as Docker's events count it."""
        return self.on_server("date +%s.%N").strip()

    def created_since(self, since: str) -> list[str]:
        """The component of each container that was created since then, as often as one was."""
        told = '{{index .Actor.Attributes "fairlead.component"}}'
        asked = "--filter type=container --filter event=create --filter label=fairlead.component"
        return self.on_server(f"docker events --since {since} --until $(date +%s.%N) {asked} --format '{told}'").split()

    # the controller

    @property
    def enrolment(self) -> str:
        """host:port where servers enrol."""
        return f"{network.addresses(self.lab).host}:{controller_process.ENROL_PORT}"

    def stop_controller(self) -> None:
        assert controller_process.stop(self.lab)

    def start_controller(self) -> None:
        controller_process.start(self.lab, network.addresses(self.lab))

    def kill_controller(self) -> None:
        """kill -9. Its first thread is gone before the others have let go of its ports."""
        process, host = controller_process.process(self.lab), network.addresses(self.lab).host
        assert process is not None
        os.kill(process, signal.SIGKILL)
        ports = (controller_process.ENROL_PORT, controller_process.FLEET_PORT)
        self.until(lambda: not any(controller_process.listens(host, port) for port in ports), "the controller ends")

    def fairlead(self, *words: str, timeout: float = CALL_SECONDS) -> str:
        """What a `fairlead` command prints that ends well."""
        return front.fairlead(self.lab, *words, timeout=timeout)

    def apply(self, text: str, *words: str, timeout: float = WAIT_SECONDS) -> Result:
        """`fairlead apply` of a spec; it may fail."""
        path = self.lab.folder / "spec" / "changed.yaml"
        path.write_text(text, "utf-8")
        return front.try_fairlead(self.lab, "apply", "-f", str(path), *words, timeout=timeout)

    @property
    def spec(self) -> str:
        """The spec that `lab up` applied."""
        return (self.lab.folder / "spec" / "cluster.yaml").read_text("utf-8")

    @property
    def changed_spec(self) -> str:
        """The same, but that kube-scheduler says more: a change that replaces its container."""
        return self.spec + '  components: {kube-scheduler: {args: {v: "1"}}}\n'

    def node_state(self) -> str:
        """reachable or unreachable, as the controller has it; empty while it does not answer."""
        told = front.try_fairlead(self.lab, "node", "ls", "-o", "json", timeout=CALL_SECONDS)
        nodes = json.loads(told.output) if told.ok else []
        return next((str(node["state"]) for node in nodes if node["name"] == f"nodes/{self.node}"), "")

    def unwell(self) -> list[str]:
        """What the controller does not call healthy; one word while it does not answer."""
        told = front.try_fairlead(self.lab, "status", "-o", "json", timeout=CALL_SECONDS)
        if not told.ok:
            return ["controller"]
        status = json.loads(told.output)
        ours = (node for node in status["nodes"] if node["name"] == f"nodes/{self.node}")
        away = [] if any(node["state"] == "reachable" for node in ours) else [self.node]
        told_of = {item["component"]: item["state"] for each in status["clusters"] for item in each["components"]}
        return away + sorted(name for name in COMPONENTS if told_of.get(name) != "healthy")

    def newest_event(self) -> int:
        """The number of the newest event."""
        return max((int(event["id"]) for event in self.events()), default=0)

    def events(self, after: int = 0) -> list[Event]:
        """The events after one, oldest first."""
        told: list[Event] = json.loads(self.fairlead("events", "-o", "json", "--last", "500"))
        return [event for event in told if int(event["id"]) > after]

    def until_told(self, kind: str, after: int, component: str = "") -> Event:
        """The first event of a kind after one."""

        def found() -> Event | None:
            news = self.events(after)
            return next((item for item in news if (item["kind"], item["component"]) == (kind, component)), None)

        return self.until(found, f"an event {kind} {component} is told")

    # the cluster

    def until(self, look: Callable[[], T | None], what: str, timeout: float = WAIT_SECONDS) -> T:
        """The first true value of `look`."""
        return until(look, what=what, timeout=timeout, advice=lambda: self.agent_log())

    def until_runs(self, look: Callable[[Runs], object], what: str) -> Runs:
        """All components as soon as they run, and `look` holds of them."""

        def found() -> Runs | None:
            runs = self.runs()
            up = runs.keys() == COMPONENTS and all(run.running for run in runs.values())
            return runs if up and look(runs) else None

        return self.until(found, what)

    def until_well(self) -> Runs:
        """All components, once they run, the controller calls each healthy and Kubernetes calls the node Ready.

        The controller may still call healthy what it last heard of, so Docker is asked as well.
        """
        self.until(lambda: not self.unwell(), "everything is healthy")
        self.until(self.is_ready, "the node is Ready")
        return self.until_runs(lambda runs: True, "everything runs")

    def is_ready(self) -> bool:
        """Whether Kubernetes calls the node Ready, and heard of it not long ago."""
        asked = '-o=jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'
        told = self.kubectl.attempt("get", "nodes", asked, "--request-timeout=5s")
        return told.ok and told.output.split() == ["True"]

    def agent_log(self) -> str:
        """The end of the agent's log, for a message."""
        return outer.in_node(self.node, "docker logs --tail 12 fairlead-agent 2>&1", timeout=CALL_SECONDS).output


def lab_command(*words: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """A `fairlead lab` command as people call it."""
    program = front.command("fairlead")
    return subprocess.run([program, "lab", *words], capture_output=True, text=True, timeout=timeout, check=False)
