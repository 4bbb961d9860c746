"""flannel: routes between the pod ranges of nodes over VXLAN, and masquerades what leaves them."""

from __future__ import annotations

from fairlead_controller.plan import certificates, kubeconfig, paths, ports
from fairlead_controller.plan.catalogue import FLANNEL
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
from fairlead_controller.plan.rendering import document, flags
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import Footprint, TaskSpec, Variable

OWNED = names(
    """kube-subnet-mgr kubeconfig-file kube-api-url net-config-path healthz-ip healthz-port subnet-file
    etcd-endpoints"""
)
CONFIGURATION = f"{paths.configuration(FLANNEL)}/net-conf.json"
STATE = "/run/flannel"
START_SECONDS = 300
"""It ends, and is started again, until its Node is there and has a pod range."""


def build(node: NodeContext) -> Part:
    access = kubeconfig.kubeconfig(FLANNEL, node)
    configuration = FileSpec.of(CONFIGURATION, _configuration(node))
    ca = authorities(node, certificates.CLUSTER)
    issued = (certificates.component_client(FLANNEL, certificates.FLANNEL_USER),)
    own = (paths.configuration(FLANNEL), paths.certificates(FLANNEL), paths.AUTHORITIES)
    task = TaskSpec(
        FLANNEL,
        node.cluster.release.image(FLANNEL),
        entrypoint=("/opt/bin/flanneld",),
        args=flags(_defaults(node), node.cluster.options(FLANNEL).args),
        env=(Variable("NODE_NAME", node.name),),
        mounts=(*read_only(*own, "/lib/modules"), same("/run")),
        inputs=(replacing(configuration), replacing(access), *reread((*ca, *issued))),
        privileged=True,
        probe=local_http(ports.FLANNEL_HEALTH, "/readyz", START_SECONDS),
        footprint=Footprint(
            directories=(STATE,),
            interfaces=("flannel.1",),
            chains=("FLANNEL-",),
            nft_tables=("ip flannel-ipv4", "ip6 flannel-ipv6"),
        ),
        directories=(STATE, "/lib/modules"),
    )
    return Part(task, (configuration, access, *ca), issued)


def _defaults(node: NodeContext) -> dict[str, str]:
    return {
        "kube-subnet-mgr": "true",
        "kubeconfig-file": kubeconfig.path(FLANNEL),
        "net-config-path": CONFIGURATION,
        "ip-masq": "true",
        # An interface may be named by an address of its own.
        "iface": node.address,
        "healthz-ip": ports.LOCAL,
        "healthz-port": str(ports.FLANNEL_HEALTH),
    }


def _configuration(node: NodeContext) -> str:
    return document(
        {
            "Network": str(node.cluster.spec.spec.network.pods),
            "EnableNFTables": node.facts.nftables,
            "Backend": {"Type": "vxlan"},
        }
    )
