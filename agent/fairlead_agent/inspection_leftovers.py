"""Files where ours go that are not ours: of another Kubernetes, or of an earlier cluster."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from fairlead_agent.host_paths import HostPaths
from fairlead_agent.ledger import Kind, Ledger, clusters

KUBERNETES = "/etc/kubernetes"
CNI = "/etc/cni/net.d"
CNI_FILES = (".conf", ".conflist", ".json")
"""What cri-dockerd takes for a network's configuration (libcni)."""
ETCD_MEMBER = "/var/lib/etcd/data/member"
MOST = 100


def own_files(state: Path) -> frozenset[str]:
    """Every file that the agent's ledgers account for."""
    ledgers = (Ledger(state, cluster) for cluster in clusters(state))
    return frozenset(entry.path for ledger in ledgers for entry in ledger.entries() if entry.kind is Kind.FILE)


def foreign_files(paths: HostPaths, own: Collection[str]) -> tuple[str, ...]:
    """At most `MOST`, sorted."""
    found = [path for path in _files(paths, KUBERNETES) if path not in own]
    found += [path for path in _files(paths, CNI) if path.endswith(CNI_FILES) and path not in own]
    return tuple(sorted(found)[:MOST])


def has_etcd_data(paths: HostPaths) -> bool:
    return paths.followed(ETCD_MEMBER).exists()


def _files(paths: HostPaths, top: str) -> Iterator[str]:
    """As paths of the host; links are not followed."""
    place = paths.followed(top)
    for folder, _, names in os.walk(place):
        for name in names:
            yield f"{top}{Path(folder, name).as_posix().removeprefix(place.as_posix())}"
