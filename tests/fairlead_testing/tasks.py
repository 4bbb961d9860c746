"""Small tasks and assignments for tests of the agent's core."""

from __future__ import annotations

from dataclasses import replace

from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, ObjectSpec
from fairlead_wire.task import Input, OnChange, Probe, ProbeKind, TaskKind, TaskSpec

CLUSTER = "lab"


def service(component: str, image: str = "", port: int = 0, seconds: int = 10, **other: object) -> TaskSpec:
    """A service that is probed on `port` (0: without a probe) and may take `seconds` to become healthy."""
    kind = ProbeKind.TCP if port else ProbeKind.UNSPECIFIED
    probe = Probe(kind, "127.0.0.1", port, start_timeout_ms=seconds * 1000)
    return replace(TaskSpec(component, image or f"{component}:1", probe=probe), **other)  # type: ignore[arg-type]


def job(component: str, image: str = "") -> TaskSpec:
    return TaskSpec(component, image or f"{component}:1", TaskKind.JOB)


def reads(task: TaskSpec, file: FileSpec, on_change: OnChange = OnChange.REPLACE, signal: str = "") -> TaskSpec:
    """The task as it is when it reads the file so."""
    digest = file.digest if on_change is OnChange.REPLACE else ""
    return replace(task, inputs=(*task.inputs, Input(file.path, on_change, digest, signal)))


def uses(task: TaskSpec, certificate: CertificateSpec) -> TaskSpec:
    return replace(task, inputs=(*task.inputs, Input(certificate.path)))


def assignment(*entries: TaskSpec | FileSpec | CertificateSpec | ObjectSpec, revision: int = 1) -> Assignment:
    """An assignment of these entries, whichever they are."""
    return Assignment(
        CLUSTER,
        "node-1",
        revision,
        tuple(sorted((e for e in entries if isinstance(e, TaskSpec)), key=lambda task: task.component)),
        tuple(e for e in entries if isinstance(e, FileSpec)),
        tuple(e for e in entries if isinstance(e, CertificateSpec)),
        tuple(e for e in entries if isinstance(e, ObjectSpec)),
    )
