"""Bring-up against the floor, on the same servers, in turn: one server alone, then two more that join it at once."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import urllib3

from benchmarks import floor, servers
from benchmarks.figures import Figure, ratio
from fairlead.api.v1 import clusters_pb2, operations_pb2
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.http_pools import Endpoint, HttpPools, MissingFile
from fairlead_cli.client import PLAN_SECONDS, run
from fairlead_cli.lab import network
from fairlead_cli.lab.names import Lab
from fairlead_cli.lookup import get_cluster

REPEATS, LOOK_SECONDS, LONGEST_SECONDS = 5, 0.05, 300.0
BUDGET = 1.5
AGENT, AUTHORITY = "/etc/kubernetes/pki/agent/client.crt", "/etc/kubernetes/pki/authorities/ca.crt"
# `schedulable: true`: else the first worker has the control plane's kubelet replaced, which no script does.
SPEC = """\
apiVersion: fairlead/v1
kind: Cluster
metadata: {{name: {name}}}
spec:
  kubernetes: v1.37.2
  controlPlane: {{nodes: [{first}], schedulable: true}}
{workers}"""
WORKERS = "  workers: {match: {}}\n"


@dataclass
class Seconds:
    """What was measured, in turn."""

    ours_first: list[float] = field(default_factory=list)
    floor_first: list[float] = field(default_factory=list)
    ours_joins: list[float] = field(default_factory=list)
    floor_joins: list[float] = field(default_factory=list)

    def figures(self) -> list[Figure]:
        joins = "Two more nodes joining at once, by the floor"
        return [
            ratio("Bring-up of one server, by the floor", BUDGET, self.ours_first, self.floor_first),
            ratio(joins, BUDGET, self.ours_joins, self.floor_joins),
            Figure("Bring-up of one server", "s", 0, tuple(self.ours_first), "apply accepted → Node Ready"),
            Figure("The same by script", "s", 0, tuple(self.floor_first), "first container → Node Ready"),
        ]


def figures(lab: Lab, repeats: int = REPEATS) -> list[Figure]:
    """Leaves the cluster running. The first bring-up counts for nothing: it shows what the floor's script has to do."""
    seconds, bench = Seconds(), Bench(lab)
    bench.ours()
    scripts = [floor.recorded(node) for node in lab.nodes]
    for number in range(repeats):
        bench.delete()
        first, joins = bench.by_script(scripts)
        seconds.floor_first.append(first)
        seconds.floor_joins.append(joins)
        first, joins = bench.ours()
        seconds.ours_first.append(first)
        seconds.ours_joins.append(joins)
        print(f"   {number + 1} of {repeats}: {seconds}", flush=True)
    return seconds.figures()


class Bench:
    """Three servers of a lab, on which clusters are made and taken away."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        address = network.addresses(lab).server(0)
        self._pools = HttpPools(HostPaths(str(servers.root(lab.nodes[0]))))
        self._endpoint = Endpoint(str(address), 6443, authority=AUTHORITY, certificate=AGENT)

    def ours(self) -> tuple[float, float]:
        """Seconds until the first node is Ready, and until the others are that join then."""
        first, *others = self._lab.nodes
        begin = self._apply("")
        alone = self._all_ready([first]) - begin
        self._settled()
        begin = self._apply(WORKERS)
        joined = self._all_ready(others) - begin
        self._settled()
        return alone, joined

    def by_script(self, scripts: Sequence[floor.Script]) -> tuple[float, float]:
        first, *others = scripts
        with ThreadPoolExecutor(len(scripts)) as pool:
            list(pool.map(lambda each: each.clear(), scripts))
            list(pool.map(lambda each: each.prepare(), scripts))
            try:
                alone = self._started([first], pool)
                joined = self._started(others, pool)
            finally:
                list(pool.map(lambda each: each.clear(), scripts))
        return alone, joined

    def _started(self, scripts: Sequence[floor.Script], pool: ThreadPoolExecutor) -> float:
        """Seconds from the first container of these scripts, run at once, until all their nodes are Ready."""
        begun = [pool.submit(each.start) for each in scripts]
        ready = self._all_ready([each.node for each in scripts])
        return ready - min(each.result() for each in begun)

    def delete(self) -> None:
        """The cluster, with its data, to its end."""
        request = clusters_pb2.DeleteClusterRequest(
            name=f"clusters/{self._lab.name}", destroy_data=True, request_id=str(uuid.uuid4())
        )
        answer = run(self._lab.name, lambda client: client.call(client.clusters.DeleteCluster, request))
        self._ended(answer.operation.name)

    def _apply(self, workers: str) -> float:
        """Seconds since 1970 at which the controller had accepted it."""
        text = SPEC.format(name=self._lab.name, first=self._lab.nodes[0], workers=workers)
        source = clusters_pb2.ClusterSource(spec_yaml=text, file_name="cluster.yaml")
        request = clusters_pb2.ApplyClusterRequest(source=source, request_id=str(uuid.uuid4()))
        answer = run(self._lab.name, lambda client: client.call(client.clusters.ApplyCluster, request, PLAN_SECONDS))
        accepted = answer.operation.create_time
        return float(accepted.seconds + accepted.nanos / 1e9)

    def _all_ready(self, nodes: Sequence[str]) -> float:
        """Seconds since 1970 at which the last of them was seen Ready, by the apiserver alone."""
        with ThreadPoolExecutor(len(nodes)) as pool:
            return max(pool.map(self._ready, nodes))

    def _ready(self, node: str) -> float:
        end = time.time() + LONGEST_SECONDS
        while time.time() < end:
            if self._is_ready(node):
                return time.time()
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"{node} is not Ready after {LONGEST_SECONDS:.0f} s")

    def _is_ready(self, node: str) -> bool:
        try:
            answer = self._pools.pool(self._endpoint).request("GET", f"/api/v1/nodes/{node}", timeout=2, retries=False)
        except (MissingFile, urllib3.exceptions.HTTPError, OSError):
            return False
        if answer.status != 200:
            return False
        conditions = json.loads(answer.data)["status"].get("conditions", ())
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def _settled(self) -> None:
        """Until all of the cluster is healthy: the next measurement is to start from rest."""
        self._until(lambda: self._state() == clusters_pb2.CLUSTER_STATE_READY, "the cluster is ready")

    def _state(self) -> int:
        return int(run(self._lab.name, lambda client: get_cluster(client, self._lab.name)).state)

    def _ended(self, operation: str) -> None:
        request = operations_pb2.GetOperationRequest(name=operation)
        running = operations_pb2.OPERATION_STATE_RUNNING

        def ended() -> bool:
            answer = run(self._lab.name, lambda client: client.call(client.operations.GetOperation, request))
            return bool(answer.operation.state != running)

        self._until(ended, f"{operation} has ended")

    def _until(self, done: Callable[[], bool], what: str) -> None:
        end = time.time() + LONGEST_SECONDS
        while not done():
            if time.time() > end:
                raise RuntimeError(f"not within {LONGEST_SECONDS:.0f} s: {what}")
            time.sleep(0.5)
