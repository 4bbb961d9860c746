"""Instructions about files and certificates: what is on the host, and certificates with keys made here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fairlead_agent.component_certificates import state_of
from fairlead_agent.effects import Host, HostFailure
from fairlead_agent.instructions import Inspect, IssueCertificates
from fairlead_agent.view import CertificateState, FileState, Inspection
from fairlead_wire.assignment import CertificateSpec
from fairlead_wire.identity import PrivateKey, key_pem, new_key, request_der


class Issuer(Protocol):
    """The controller's signature, over whichever session is open."""

    async def issue(self, cluster: str, requests: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
        """(path in the assignment, request DER) → certificate PEM by path. Raises Unreachable, FairleadError."""
        ...


@dataclass(frozen=True)
class HostWork:
    host: Host
    issuer: Issuer
    wall: Callable[[], float]
    steady: Callable[[], float]

    async def inspect(self, item: Inspect) -> Inspection:
        files = {path: await self._file(path) for path in item.files}
        certificates = {spec.path: await self._certificate(spec) for spec in item.certificates}
        return Inspection(files, certificates)

    async def issue(self, item: IssueCertificates) -> Inspection:
        """All in one call. What the controller did not sign stays as it is and is asked for again."""
        keys = {spec.path: new_key() for spec in item.specs}
        requests = [(path, request_der(key)) for path, key in keys.items()]
        signed = await self.issuer.issue(item.cluster, requests)
        got = [spec for spec in item.specs if spec.path in signed]
        await asyncio.gather(*(self._keep(spec, keys[spec.path], signed[spec.path], item.cluster) for spec in got))
        states = {spec.path: await self._certificate(spec) for spec in item.specs}
        refused = [path for path, state in states.items() if not state.good]
        if refused:
            raise HostFailure(f"the controller did not sign {', '.join(refused)} as the assignment names it")
        return Inspection(certificates=states)

    async def _keep(self, spec: CertificateSpec, key: PrivateKey, certificate: bytes, cluster: str) -> None:
        await self.host.write_key_and_certificate(spec, key_pem(key), certificate, cluster)

    async def _file(self, path: str) -> FileState:
        return FileState(await self.host.file_digest(path), await self.host.file_mode(path), self.steady())

    async def _certificate(self, spec: CertificateSpec) -> CertificateState:
        certificate, key = await self._content(spec.path), await self._content(spec.key_path)
        return state_of(spec, certificate, key, self.wall(), self.steady())

    async def _content(self, path: str) -> bytes:
        if not await self.host.file_digest(path):
            return b""
        return await self.host.read_file(path)
