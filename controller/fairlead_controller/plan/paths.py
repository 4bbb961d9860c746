"""Where a component finds its files on its host. Each component has directories of its own, so that it mounts only
what it needs: an etcd that was broken into can't read the cluster authority's key.

Directories are mounted, never single files: a file that is renamed into place leaves a mount of its old self behind.
"""

from __future__ import annotations

ROOT = "/etc/kubernetes"
PKI = f"{ROOT}/pki"
AUTHORITIES = f"{PKI}/authorities"
"""Public certificates only; every component may read them all."""
SERVICE_ACCOUNT = f"{PKI}/service-account"

CLUSTER_AUTHORITY = f"{AUTHORITIES}/ca.crt"
FRONT_PROXY_AUTHORITY = f"{AUTHORITIES}/front-proxy-ca.crt"
ETCD_AUTHORITY = f"{AUTHORITIES}/etcd-ca.crt"
AUTHORITY_FILES = {
    "cluster": CLUSTER_AUTHORITY,
    "front-proxy": FRONT_PROXY_AUTHORITY,
    "etcd": ETCD_AUTHORITY,
}
"""Name of an authority in `Material.authorities` → the file that its certificate is in."""

CRI_SOCKET = "/run/cri-dockerd.sock"
KUBELET = "/var/lib/kubelet"
ETCD = "/var/lib/etcd"
ETCD_DATA = f"{ETCD}/data"
"""A subdirectory: a mount point can't be moved aside at a restore."""
ETCD_SNAPSHOTS = f"{ETCD}/snapshots"
"""Where the agent keeps snapshots: on the data's disk and mounted into etcd's container with it."""
POD_LOGS = ("/var/log/pods", "/var/log/containers")


def configuration(component: str) -> str:
    """The directory of a component's configuration files."""
    return f"{ROOT}/{component}"


def certificates(component: str) -> str:
    """The directory of a component's certificates and keys."""
    return f"{PKI}/{component}"


def key_of(certificate: str) -> str:
    """The path of the key that belongs to the certificate at this path."""
    return certificate.removesuffix(".crt") + ".key"
