"""kube-proxy: with nftables where the kernel can, else with iptables."""

from __future__ import annotations

from typing import Any

from fairlead_controller.plan import certificates, kubeconfig, paths, ports
from fairlead_controller.plan.catalogue import KUBE_PROXY
from fairlead_controller.plan.components.part import (
    Part,
    authorities,
    local_http,
    names,
    read_only,
    replacing,
    reread,
    same,
)
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.rendering import document, merged
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import Footprint, TaskSpec

OWNED_CONFIG = names(
    "apiVersion kind clientConnection mode clusterCIDR healthzBindAddress metricsBindAddress hostnameOverride"
)
CONFIGURATION = f"{paths.configuration(KUBE_PROXY)}/config.yaml"
START_SECONDS = 180


def build(node: NodeContext) -> Part:
    access = kubeconfig.kubeconfig(KUBE_PROXY, node)
    content = merged(_configuration(node), node.cluster.options(KUBE_PROXY).config)
    configuration = FileSpec.of(CONFIGURATION, document(content))
    ca = authorities(node, certificates.CLUSTER)
    issued = (certificates.component_client(KUBE_PROXY, "system:kube-proxy"),)
    own = (paths.configuration(KUBE_PROXY), paths.certificates(KUBE_PROXY), paths.AUTHORITIES)
    task = TaskSpec(
        KUBE_PROXY,
        node.cluster.release.image(KUBE_PROXY),
        entrypoint=("/usr/local/bin/kube-proxy",),
        args=(f"--config={CONFIGURATION}", f"--hostname-override={node.name}"),
        # All of /run: the lock of iptables in it is a file, which may not be there yet.
        mounts=(*read_only(*own, "/lib/modules"), same("/run")),
        inputs=(replacing(configuration), replacing(access), *reread((*ca, *issued))),
        privileged=True,
        probe=local_http(ports.KUBE_PROXY_HEALTH, "/livez", START_SECONDS),
        footprint=Footprint(chains=("KUBE-",), nft_tables=("ip kube-proxy", "ip6 kube-proxy")),
        directories=("/lib/modules",),
    )
    return Part(task, (configuration, access, *ca), issued)


def _configuration(node: NodeContext) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": kubeconfig.path(KUBE_PROXY)},
        "mode": "nftables" if node.facts.nftables else "iptables",
        "clusterCIDR": str(node.cluster.spec.spec.network.pods),
        "detectLocalMode": "ClusterCIDR",
        "healthzBindAddress": f"0.0.0.0:{ports.KUBE_PROXY_HEALTH}",
        "metricsBindAddress": f"{ports.LOCAL}:{ports.KUBE_PROXY_METRICS}",
        "conntrack": _conntrack(node),
        # Spares the host route_localnet, which lets others reach what listens on 127.0.0.1.
        "iptables": {"localhostNodePorts": False},
    }


def _conntrack(node: NodeContext) -> dict[str, Any]:
    """Where the host's tables can't be changed, trying to is fatal."""
    if node.facts.conntrack_writable:
        return {"maxPerCore": 32768, "min": 131072}
    return {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
