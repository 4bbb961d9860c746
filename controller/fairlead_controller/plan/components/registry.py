"""All components: who builds each, and what of it people may set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fairlead_controller.plan import catalogue
from fairlead_controller.plan.components import (
    api_proxy,
    coredns,
    cri_dockerd,
    etcd,
    flannel,
    kube_apiserver,
    kube_controller_manager,
    kube_proxy,
    kube_scheduler,
    kubelet,
)
from fairlead_controller.plan.components.part import Part
from fairlead_controller.plan.context import NodeContext


@dataclass(frozen=True)
class Kind:
    """`owned_flags` and `owned_config` belong to Fairlead; where None, the component takes no flags or no file."""

    build: Callable[[NodeContext], Part]
    owned_flags: frozenset[str] | None = None
    owned_config: frozenset[str] | None = None


KINDS: Mapping[str, Kind] = {
    catalogue.ETCD: Kind(etcd.build, etcd.OWNED),
    catalogue.APISERVER: Kind(kube_apiserver.build, kube_apiserver.OWNED),
    catalogue.CONTROLLER_MANAGER: Kind(kube_controller_manager.build, kube_controller_manager.OWNED),
    catalogue.SCHEDULER: Kind(kube_scheduler.build, kube_scheduler.OWNED),
    catalogue.API_PROXY: Kind(api_proxy.build),
    catalogue.CRI_DOCKERD: Kind(cri_dockerd.build, cri_dockerd.OWNED),
    catalogue.KUBELET: Kind(kubelet.build, kubelet.OWNED, kubelet.OWNED_CONFIG),
    catalogue.KUBE_PROXY: Kind(kube_proxy.build, None, kube_proxy.OWNED_CONFIG),
    catalogue.FLANNEL: Kind(flannel.build, flannel.OWNED),
    catalogue.COREDNS: Kind(coredns.build),
}


def parts(node: NodeContext) -> tuple[Part, ...]:
    """All that runs on this node."""
    names = catalogue.EVERYWHERE + (catalogue.CONTROL_PLANE if node.control_plane else ())
    return tuple(KINDS[name].build(node) for name in names)
