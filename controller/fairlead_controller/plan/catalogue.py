"""Releases: which images make a Kubernetes version. The components and their orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ETCD = "etcd"
APISERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
API_PROXY = "api-proxy"
CRI_DOCKERD = "cri-dockerd"
KUBELET = "kubelet"
KUBE_PROXY = "kube-proxy"
FLANNEL = "flannel"
COREDNS = "coredns"

CONTROL_PLANE = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER)
EVERYWHERE = (API_PROXY, CRI_DOCKERD, KUBELET, KUBE_PROXY, FLANNEL, COREDNS)

REPLACEMENT_ORDER = CONTROL_PLANE + EVERYWHERE
"""What others depend on comes first; upstream's rule for versions (apiserver before the rest, kubelet later) too."""

REMOVAL_ORDER = (
    KUBELET,
    KUBE_PROXY,
    FLANNEL,
    COREDNS,
    CRI_DOCKERD,
    API_PROXY,
    SCHEDULER,
    CONTROLLER_MANAGER,
    APISERVER,
    ETCD,
)
"""The kubelet first, since it would bring back the pods whose containers go with it; the data last."""

PAUSE = "pause"
REGISTRY_IMAGE = "docker.io/fairlead/registry:3.1.2"
"""What seeds run; as the controller, it belongs to no release."""
OLDEST_DOCKER_API = (1, 42)
"""What cri-dockerd 0.4 asks for (Docker Engine 23)."""
CRI_DOCKER_API = "1.46"
"""What cri-dockerd 0.4.0 speaks."""


@dataclass(frozen=True)
class Release:
    """A Kubernetes version with everything that goes with it. `images`: component (or "pause") → image reference."""

    version: str
    images: Mapping[str, str] = field(hash=False)

    def image(self, component: str) -> str:
        return self.images[component]


class UnknownRelease(LookupError):
    """`str()` says which ones are known."""


def _release(version: str, etcd: str, coredns: str, pause: str) -> Release:
    upstream = {
        component: f"registry.k8s.io/{component}:{version}"
        for component in (APISERVER, CONTROLLER_MANAGER, SCHEDULER, KUBE_PROXY)
    }
    return Release(
        version,
        upstream
        | {
            ETCD: f"registry.k8s.io/etcd:{etcd}",
            COREDNS: f"registry.k8s.io/coredns/coredns:{coredns}",
            PAUSE: f"registry.k8s.io/pause:{pause}",
            FLANNEL: "ghcr.io/flannel-io/flannel:v0.28.10",
            KUBELET: f"fairlead/kubelet:{version}",
            CRI_DOCKERD: "fairlead/cri-dockerd:0.4.0",
            API_PROXY: "fairlead/api-proxy:3.0",
        },
    )


RELEASES: Mapping[str, Release] = {
    release.version: release for release in (_release("v1.37.2", etcd="3.7.3-0", coredns="v1.14.7", pause="3.10.2"),)
}
"""By version, oldest first."""


def release(version: str) -> Release:
    """Raises UnknownRelease, which lists the known ones."""
    if version not in RELEASES:
        raise UnknownRelease(f"there is no release {version} here; write one of: {', '.join(RELEASES)}")
    return RELEASES[version]
