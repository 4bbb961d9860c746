"""The narrow ports between what the agent decides and what it does to its host; Docker has its own (`runtime.port`).

Every path is a path of the host. Every call has a deadline inside. `tests/fairlead_testing` has in-memory ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from fairlead_agent.outcomes import ApplyResult as ApplyResult
from fairlead_agent.outcomes import ProbeResult as ProbeResult
from fairlead_agent.runtime.port import Runtime
from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec
from fairlead_wire.facts import Facts
from fairlead_wire.task import Footprint, Probe, TaskSpec


class HostFailure(Exception):
    """The host refused or failed; `str()` is one sentence that says what to do."""


class Host(Protocol):
    """The server itself: files, directories, mounts, what removal leaves. Everything may raise HostFailure."""

    async def facts(self, runtime: Runtime) -> Facts: ...

    def boot_id(self) -> str:
        """The kernel's boot id and a random marker of /run: changes with each boot of the host."""
        ...

    async def make_directory(self, spec: str, cluster: str) -> None:
        """Makes "/path", or makes "/path:rshared" also a shared mount point. Ledgered; doing it twice is fine."""
        ...

    async def file_digest(self, path: str) -> str:
        """SHA-256 of the content, hexadecimal; "" if there is no such file."""
        ...

    async def file_mode(self, path: str) -> int:
        """Permission bits, 0 if there is no such file."""
        ...

    async def write_file(self, file: FileSpec, cluster: str) -> None:
        """Ledgered, by rename with fsync."""
        ...

    async def read_file(self, path: str) -> bytes:
        """Raises HostFailure if there is no such file."""
        ...

    async def write_key_and_certificate(
        self, spec: CertificateSpec, key_pem: bytes, certificate_pem: bytes, cluster: str
    ) -> None:
        """The key (0600) first, then the certificate, each by rename with fsync. Ledgered."""
        ...

    async def clean_footprint(self, footprint: Footprint, destroy_data: bool, runtime: Runtime) -> tuple[str, ...]:
        """Takes away what a component leaves on the host; sentences of what stays and where."""
        ...

    async def ledgers(self) -> tuple[str, ...]:
        """Names of all ledgers in which something stands."""
        ...

    async def undo_ledger(self, cluster: str) -> tuple[str, ...]:
        """Restores what was there before the cluster; sentences of what stays and where."""
        ...


@runtime_checkable
class ChangeSource(Protocol):
    """A host that tells of edits of its files at once; without it the slow resync finds them."""

    def changes(self) -> AsyncIterator[str]:
        """Paths of ours that changed, from now on."""
        ...


class Prober(Protocol):
    async def probe(self, probe: Probe) -> ProbeResult:
        """One question, answered within 2 s; never raises for an unhealthy component."""
        ...


class Objects(Protocol):
    """Kubernetes objects at the apiserver of this node."""

    async def apply(self, spec: ObjectSpec) -> ApplyResult: ...

    async def remove(self, path: str) -> ApplyResult:
        """Removing what is gone is fine."""
        ...


class Policy(Protocol):
    """What this node allows any controller to ask."""

    def refusal(self, task: TaskSpec) -> str:
        """ "" or the sentence why this node's policy forbids the task."""
        ...

    def file_refusal(self, path: str) -> str: ...

    def image_refusal(self, reference: str) -> str:
        """ "" or the sentence why this node may not have the image."""
        ...


class RelayTargets(Protocol):
    async def connect(self, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises HostFailure when the target is not on the allow-list or does not answer."""
        ...
