"""Whose work each image mainly is, and under which licence that project stands, by recipe and by program."""

from __future__ import annotations

from fairlead_cli.bundle.document import UNKNOWN, Project

KUBERNETES = Project(name="Kubernetes", licence="Apache-2.0")
FAIRLEAD = Project(name="Fairlead", licence="Apache-2.0")

PROJECTS = {
    "agent": FAIRLEAD,
    "api-proxy": Project(name="HAProxy", licence="GPL-2.0-or-later"),
    "controller": FAIRLEAD,
    "coredns": Project(name="CoreDNS", licence="Apache-2.0"),
    "cri-dockerd": Project(name="cri-dockerd and the CNI plugins", licence="Apache-2.0"),
    "etcd": Project(name="etcd", licence="Apache-2.0"),
    "flannel": Project(name="flannel", licence="Apache-2.0"),
    "kube-apiserver": KUBERNETES,
    "kube-controller-manager": KUBERNETES,
    "kube-proxy": KUBERNETES,
    "kube-scheduler": KUBERNETES,
    "kubectl": KUBERNETES,
    "kubelet": KUBERNETES,
    "lab-node": Project(name="Docker Engine (Moby)", licence="Apache-2.0"),
    "nginx": Project(name="nginx", licence="BSD-2-Clause"),
    "pause": KUBERNETES,
    "python-base": Project(name="Python", licence="PSF-2.0"),
    "registry": Project(name="CNCF Distribution", licence="Apache-2.0"),
}


def project_of(name: str) -> Project:
    """The project of a recipe or program; one that is not in the table under its own name, licence unknown."""
    return PROJECTS.get(name, Project(name=name, licence=UNKNOWN))
