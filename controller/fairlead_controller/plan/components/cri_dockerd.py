"""cri-dockerd: the kubelet's way to the node's Docker, and where CNI plugins run.

A container of its own, so that a new kubelet leaves it and the pods alone. It enters the network namespaces of pods
through /proc of the host and rewrites their resolv.conf below Docker's own directory, hence its mounts.
"""

from __future__ import annotations

import json
from functools import cache

from fairlead_controller.plan import catalogue, paths
from fairlead_controller.plan.catalogue import CRI_DOCKERD
from fairlead_controller.plan.components.part import Part, names, read_only, reread, same
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.rendering import flags
from fairlead_wire.assignment import FileSpec
from fairlead_wire.facts import version_tuple
from fairlead_wire.task import Footprint, Mount, Probe, ProbeKind, Propagation, TaskSpec, Variable

OWNED = names(
    """container-runtime-endpoint network-plugin cni-conf-dir cni-bin-dir cni-cache-dir docker-endpoint
    cri-dockerd-root-directory streaming-bind-addr pod-infra-container-image"""
)
START_SECONDS = 60
CNI_CONFIGURATION = "/etc/cni/net.d"
CNI_PLUGINS = "/opt/cni/bin"
"""The host's own, searched after those of the image."""
IMAGE_PLUGINS = "/usr/local/lib/cni"
CONFLIST = f"{CNI_CONFIGURATION}/10-fairlead.conflist"
LEASES = "/run/cni-ipam"
"""On a file system in memory: no lease outlives the pods of a boot."""
STATE, CNI_STATE = "/var/lib/cri-dockerd", "/var/lib/cni"
RANGE = "POD_RANGE"
"""Stands for a node's pod range in what all nodes have alike."""
VXLAN_MTU = 1450
"""1500 less the 50 bytes of a VXLAN header."""


def build(node: NodeContext) -> Part:
    conflist = FileSpec.of(CONFLIST, _conflist(node))
    task = TaskSpec(
        CRI_DOCKERD,
        node.cluster.release.image(CRI_DOCKERD),
        entrypoint=("/usr/local/bin/cri-dockerd",),
        args=flags(_defaults(node), node.cluster.options(CRI_DOCKERD).args),
        env=(Variable("DOCKER_API_VERSION", docker_api(node.facts.docker_api)),),
        mounts=_mounts(node),
        # Read again every 5 seconds.
        inputs=reread((conflist,)),
        privileged=True,
        host_pid=True,
        probe=Probe(ProbeKind.CRI, path=paths.CRI_SOCKET, start_timeout_ms=START_SECONDS * 1000),
        footprint=Footprint(
            directories=(STATE, CNI_STATE, LEASES),
            chains=("CNI-",),
            nft_tables=("ip cni_hostport", "ip6 cni_hostport"),
            files=(paths.CRI_SOCKET,),
        ),
        directories=(
            CNI_CONFIGURATION,
            CNI_PLUGINS,
            STATE,
            CNI_STATE,
            LEASES,
            f"{paths.KUBELET}:rshared",
            *paths.POD_LOGS,
        ),
    )
    return Part(task, (conflist,))


def docker_api(engine: str) -> str:
    """The lower of what cri-dockerd speaks and what the Engine speaks: it does not negotiate."""
    ours = catalogue.CRI_DOCKER_API
    return engine if engine and version_tuple(engine) < version_tuple(ours) else ours


def _defaults(node: NodeContext) -> dict[str, str]:
    return {
        # Empty: from the environment, the only way that heeds DOCKER_API_VERSION.
        "docker-endpoint": "",
        "container-runtime-endpoint": f"unix://{paths.CRI_SOCKET}",
        "cri-dockerd-root-directory": STATE,
        "network-plugin": "cni",
        "cni-conf-dir": CNI_CONFIGURATION,
        "cni-bin-dir": f"{IMAGE_PLUGINS},{CNI_PLUGINS}",
        "cni-cache-dir": f"{CNI_STATE}/cache",
        "pod-infra-container-image": node.cluster.release.image(catalogue.PAUSE),
        # The default is every address, without TLS.
        "streaming-bind-addr": "127.0.0.1:0",
    }


def _mounts(node: NodeContext) -> tuple[Mount, ...]:
    return (
        same("/run", Propagation.SLAVE),
        same(node.facts.docker_root, Propagation.SLAVE),
        same(paths.KUBELET, Propagation.SHARED),
        *read_only(CNI_CONFIGURATION, CNI_PLUGINS),
        same(CNI_STATE),
        same(STATE),
        *(same(path) for path in paths.POD_LOGS),
        same("/sys"),
        same("/dev"),
    )


def _conflist(node: NodeContext) -> str:
    return _laid_out().replace(RANGE, str(node.pod_range))


@cache
def _laid_out() -> str:
    """`ptp`: no bridge, so neither bridge-netfilter nor hairpin to care for. flannel masquerades.

    Laid out once: for a thousand nodes it would be a tenth of planning, and they differ in their range alone.
    """
    addresses = {
        "type": "host-local",
        "dataDir": LEASES,
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": RANGE}]],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "mtu": VXLAN_MTU, "ipam": addresses},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "1.0.0", "name": "fairlead", "plugins": plugins}, indent=2) + "\n"
