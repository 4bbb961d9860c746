"""What one component contributes to its node: a task, the files and certificates that it reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from fairlead_controller.plan import paths
from fairlead_controller.plan.context import ClusterContext, NodeContext
from fairlead_wire.assignment import CertificateSpec, FileSpec
from fairlead_wire.task import Input, Mount, OnChange, Probe, ProbeKind, Propagation, TaskSpec


@dataclass(frozen=True)
class Part:
    """The task's inputs name each of the files and certificates."""

    task: TaskSpec
    files: tuple[FileSpec, ...] = ()
    certificates: tuple[CertificateSpec, ...] = ()


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def replacing(file: FileSpec) -> Input:
    """A configuration file that is only read at the start: a change of it needs a new container."""
    return Input(file.path, OnChange.REPLACE, digest=file.digest)


def reread(entries: Iterable[FileSpec | CertificateSpec]) -> tuple[Input, ...]:
    """Files and certificates that the component reads again by itself. They never enter a hash."""
    return tuple(Input(entry.path) for entry in entries)


def authorities(node: NodeContext, *names: str) -> tuple[FileSpec, ...]:
    """Certificates of the cluster's authorities: public."""
    return tuple(_authority(node.cluster, name) for name in names)


@lru_cache(maxsize=1024)
def _authority(cluster: ClusterContext, name: str) -> FileSpec:
    return FileSpec.of(paths.AUTHORITY_FILES[name], cluster.material.authorities.get(name, b""))


def secret(node: NodeContext, path: str) -> FileSpec:
    """One of the few private files that all control planes share, by its last name."""
    content = node.cluster.material.secrets.get(path.rpartition("/")[2], b"")
    return FileSpec.of(path, content, secret=True)


@lru_cache(maxsize=1024)
def same(path: str, propagation: Propagation = Propagation.PRIVATE) -> Mount:
    """A host directory at its own path, to be written to."""
    return Mount(path, path, read_only=False, propagation=propagation)


@lru_cache(maxsize=1024)
def read_only(*directories: str) -> tuple[Mount, ...]:
    """Host directories at their own paths, to be read."""
    return tuple(Mount(path, path, read_only=True) for path in directories)


@lru_cache(maxsize=1024)
def local_http(port: int, path: str, start_seconds: int) -> Probe:
    return Probe(ProbeKind.HTTP, "127.0.0.1", port, path, start_timeout_ms=start_seconds * 1000)


@lru_cache(maxsize=1024)
def local_https(port: int, path: str, start_seconds: int) -> Probe:
    """Verified with the cluster's authority."""
    return Probe(
        ProbeKind.HTTPS, "127.0.0.1", port, path, paths.CLUSTER_AUTHORITY, start_timeout_ms=start_seconds * 1000
    )
