"""What Docker is given to reach the fleet's registries, on a disk: written once, renewed, and undone exactly."""

from __future__ import annotations

import asyncio
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from fairlead_agent.effects import HostFailure
from fairlead_agent.facts import FactsReader
from fairlead_agent.host import LinuxHost
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.identity_store import Identity
from fairlead_agent.registry_trust import RegistryTrust
from fairlead_testing.authorities import FleetAuthority
from fairlead_wire.identity import load_key

ONE, TWO = "192.0.2.1:7072", "seed.example:7072"


def identity_of(authority: FleetAuthority) -> Identity:
    made = authority.node("node-1")
    pems = made.authority.decode(), made.chain.decode(), made.key.decode()
    return Identity("node-1", authority.fleet_id, "controller:7071", *pems)


@dataclass
class Server:
    """A server with its disk in `top`; a new agent on it for each `trust`."""

    top: Path
    authority: FleetAuthority = field(default_factory=lambda: FleetAuthority(time.time()))
    identity: Identity | None = None

    def __post_init__(self) -> None:
        self.identity = identity_of(self.authority)

    @property
    def folder(self) -> Path:
        return self.top / "root/etc/docker/certs.d"

    def trust(self) -> RegistryTrust:
        paths = HostPaths(str(self.top / "root"))
        reader = FactsReader("192.0.2.1", "0.1.0", "", paths)
        return RegistryTrust(LinuxHost(reader, lambda path: "", paths, state=self.top / "state"), lambda: self.identity)

    def held(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*.*") if path.is_file()
        }

    def stamps(self) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    (tmp_path / "root/etc").mkdir(parents=True)
    return Server(tmp_path)


async def test_docker_gets_the_fleets_authority_and_this_nodes_identity(server: Server) -> None:
    await server.trust().keep((ONE,))
    folder = server.folder / ONE
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "ca.crt": 0o644,
        "client.cert": 0o644,
        "client.key": 0o600,
    }
    key = load_key((folder / "client.key").read_bytes())
    assert x509.load_pem_x509_certificate((folder / "client.cert").read_bytes()).public_key() == key.public_key()
    assert (folder / "ca.crt").read_bytes() == server.authority.record.certificate


async def test_what_is_as_it_should_be_is_not_written_again(server: Server) -> None:
    await server.trust().keep((ONE,))
    before = server.stamps()
    await server.trust().keep((ONE,))
    assert server.stamps() == before


async def test_a_renewed_identity_and_what_somebody_changed_are_written(server: Server) -> None:
    trust = server.trust()
    await trust.keep((ONE,))
    before = server.stamps()
    server.identity = identity_of(server.authority)
    await trust.keep((ONE,))
    assert {name for name, stamp in server.stamps().items() if stamp != before[name]} == {"client.cert", "client.key"}
    assert server.held()[f"{ONE}/client.key"] == server.identity.key.encode()
    (server.folder / ONE / "client.key").chmod(0o644)
    (server.folder / ONE / "ca.crt").unlink()
    await trust.keep((ONE,))
    assert stat.S_IMODE((server.folder / ONE / "client.key").stat().st_mode) == 0o600
    assert f"{ONE}/ca.crt" in server.held()


async def test_a_registry_that_is_no_longer_named_is_forgotten_also_by_a_new_agent(server: Server) -> None:
    await server.trust().keep((ONE, TWO))
    await server.trust().keep((TWO,))
    assert {path.name for path in server.folder.iterdir()} == {ONE, TWO}
    await server.trust().forget_others((TWO,))
    assert {path.name for path in server.folder.iterdir()} == {TWO}
    await server.trust().forget_others(())
    assert not (server.top / "root/etc/docker").exists(), "the folders were ours too"
    assert list((server.top / "state/ledger").iterdir()) == []


async def test_what_others_have_there_stays_and_comes_back(server: Server) -> None:
    theirs = {f"{ONE}/ca.crt": b"theirs", "other.example:5000/ca.crt": b"another's"}
    for name, content in theirs.items():
        (server.folder / name).parent.mkdir(parents=True)
        (server.folder / name).write_bytes(content)
    await server.trust().keep((ONE,))
    assert server.held()[f"{ONE}/ca.crt"] == server.authority.record.certificate
    await server.trust().forget_others(())
    assert server.held() == theirs


async def test_a_server_that_takes_no_files_is_told_of(server: Server) -> None:
    (server.top / "root/etc/docker").write_text("a file")
    with pytest.raises(HostFailure, match="etc/docker"):
        await server.trust().keep((ONE,))
    server.identity = None
    with pytest.raises(HostFailure, match="no identity"):
        await server.trust().keep((ONE,))


async def test_who_comes_at_the_same_time_waits(server: Server) -> None:
    trust = server.trust()
    keeping = [trust.keep(names) for names in ((ONE,), (TWO,), (ONE, TWO))]
    await asyncio.gather(*keeping, trust.forget_others((TWO,)))
    assert {path.name for path in server.folder.iterdir()} == {TWO}
    assert server.identity is not None
    assert server.held()[f"{TWO}/client.cert"] == server.identity.chain.encode()
