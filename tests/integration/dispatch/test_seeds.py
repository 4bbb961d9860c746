"""Seeds over real gRPC: who is asked to be one, who is told of it, and whose certificate the controller signs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import grpc
import pytest
from cryptography import x509

from fairlead.agent.v1 import images_pb2, session_pb2
from fairlead.agent.v1.session_pb2_grpc import CertificateServiceStub
from fairlead_controller.model.node import Node
from fairlead_controller.plan.catalogue import REGISTRY_IMAGE
from fairlead_controller.store.port import Repositories
from fairlead_testing.fake_agent import FakeAgent, FakeSession
from fairlead_testing.fake_fleet_images import FakeFleetImages, fleet_image
from fairlead_testing.fleet_server import FleetServer, running
from fairlead_wire.assignment import Assignment
from fairlead_wire.channels import open_channel
from fairlead_wire.errors import Refused
from fairlead_wire.facts import Facts
from fairlead_wire.identity import new_key, principal_of, request_der
from fairlead_wire.status import from_rpc_error

CONTROLLER, SERVED = "192.0.2.1:7072", "127.0.0.1:7073"
Sources = images_pb2.ImageSources


@dataclass
class Zone:
    """A controller whose fleet has the registry's image, and agents of one zone each with an open session."""

    server: FleetServer
    closing: AsyncExitStack
    agents: dict[str, FakeAgent] = field(default_factory=dict)
    sessions: dict[str, FakeSession] = field(default_factory=dict)
    leaving: dict[str, AsyncExitStack] = field(default_factory=dict)

    def enrol(self, *names: str, zone: str = "a") -> None:
        for name in names:
            node, credentials = self.server.node(name)
            labelled = replace(node, labels=(("zone", zone),))
            self.server.store.now(partial(_put, node=labelled))
            self.agents[name] = FakeAgent(self.server.fleet_endpoint, credentials, Facts(name, address="127.0.0.1"))

    async def connect(self, *names: str) -> None:
        for name in names:
            self.leaving[name] = await self.closing.enter_async_context(AsyncExitStack())
            self.sessions[name] = await self.leaving[name].enter_async_context(self.agents[name].session())
            await self.sessions[name].hello(self.agents[name].facts)

    async def told(self, name: str, fits: Callable[[Sources], bool]) -> Sources:
        """What the agent is told, as soon as it fits."""
        while not fits(message := await self.sessions[name].image_sources()):
            pass
        return message

    async def report(self, name: str, at: str = "", reason: str = "") -> None:
        report = images_pb2.SeedReport(at=at, reason=reason)
        await self.sessions[name].send(session_pb2.SessionRequest(seed_report=report))

    async def sign(self, name: str) -> str:
        key = new_key()
        async with open_channel(self.server.fleet_endpoint, self.agents[name].credentials) as channel:
            answer = await CertificateServiceStub(channel).IssueSeedCertificate(
                session_pb2.IssueSeedCertificateRequest(csr=request_der(key)), timeout=10
            )
        return str(answer.certificate_chain)


def _put(repositories: Repositories, node: Node) -> None:
    repositories.nodes.put(node)


@asynccontextmanager
async def zone(*names: str) -> AsyncIterator[Zone]:
    images = FakeFleetImages()
    images.open(CONTROLLER)
    images.has(fleet_image(REGISTRY_IMAGE, program=10))
    async with running(FleetServer(told=images)) as server, AsyncExitStack() as closing:
        made = Zone(server, closing)
        made.enrol(*names)
        yield made


def wanted(message: Sources) -> bool:
    return message.seeding.wanted


def from_seed(message: Sources) -> bool:
    return list(message.registries) == [SERVED, CONTROLLER]


def from_controller_again(message: Sources) -> bool:
    return list(message.registries) == [CONTROLLER]


async def test_the_first_of_a_zone_serves_and_the_others_are_told_when_it_does() -> None:
    async with zone("n1", "n2", "n3") as fleet:
        fleet.enrol("far", zone="b")
        await fleet.connect("n1", "n2", "n3", "far")
        seeding = (await fleet.told("n1", wanted)).seeding
        assert (seeding.image, seeding.address, seeding.port) == (REGISTRY_IMAGE, "127.0.0.1", 7073)
        assert seeding.source == CONTROLLER
        first = await fleet.sessions["n2"].image_sources()
        assert list(first.registries) == [CONTROLLER]
        assert not first.seeding.wanted
        await fleet.report("n1", SERVED)
        for name in ("n1", "n2", "n3"):
            assert [image.reference for image in (await fleet.told(name, from_seed)).images] == [REGISTRY_IMAGE]
        event = await fleet.server.event("seed-serves")
        assert event.message == "n1 gives the fleet's images to zone a, at 127.0.0.1:7073."
        await fleet.sessions["far"].heartbeat()
        assert not any(map(from_seed, fleet.sessions["far"].sources)), "another zone has nothing of it"


async def test_one_that_can_not_lets_the_next_and_says_why() -> None:
    async with zone("n1", "n2", "n3") as fleet:
        await fleet.connect("n1", "n2", "n3")
        await fleet.told("n1", wanted)
        await fleet.report("n1", reason="port 7073 is taken.")
        assert (await fleet.told("n1", lambda told: not told.seeding.wanted)).HasField("seeding")
        await fleet.told("n2", wanted)
        event = await fleet.server.event("seed-failed")
        assert event.message == "n1 can't give the fleet's images to zone a: port 7073 is taken."
        await fleet.leaving["n1"].aclose()
        await fleet.connect("n1")
        await fleet.told("n1", wanted)


async def test_a_seed_that_is_lost_is_named_no_longer() -> None:
    async with zone("n1", "n2", "n3") as fleet:
        await fleet.connect("n1", "n2", "n3")
        await fleet.told("n1", wanted)
        await fleet.report("n1", SERVED)
        await fleet.told("n2", from_seed)
        await fleet.leaving["n1"].aclose()
        fleet.server.dispatch.sessions.seeds.lost("id-n1")
        await fleet.told("n2", from_controller_again)


@pytest.mark.parametrize("name", ["n2", "far"])
async def test_the_controller_signs_for_the_seed_alone(name: str) -> None:
    async with zone("n1", "n2", "n3") as fleet:
        fleet.enrol("far", zone="b")
        await fleet.connect("n1", "n2", "n3", "far")
        await fleet.told("n1", wanted)
        with pytest.raises(grpc.RpcError) as caught:
            await fleet.sign(name)
        assert isinstance(from_rpc_error(caught.value), Refused)
        certificate = x509.load_pem_x509_certificate((await fleet.sign("n1")).encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == []
    assert principal_of(certificate) is None, "what a seed serves with is nobody's identity"


async def test_without_the_registrys_image_or_a_registry_nobody_is_asked() -> None:
    async with zone("n1", "n2", "n3") as fleet:
        assert fleet.server.told is not None
        await fleet.server.told.delete(REGISTRY_IMAGE)
        await fleet.connect("n1", "n2", "n3")
        assert not (await fleet.sessions["n1"].image_sources()).seeding.wanted
        fleet.server.told.has(fleet_image(REGISTRY_IMAGE, program=10))
        await fleet.told("n1", wanted)
        fleet.server.told.open("")
        left = await fleet.told("n1", lambda told: not told.registries)
        assert not left.HasField("seeding"), "a registry that is started again finds the seeds as they were"


async def test_an_agent_that_is_only_observed_stays_what_it_is() -> None:
    async with zone("n1", "n2", "n3") as fleet:
        fleet.agents["n1"].held = Assignment("lab", "n1", 7)
        await fleet.connect("n1", "n2", "n3")
        await fleet.told("n2", wanted)
        assert not (await fleet.sessions["n1"].image_sources()).HasField("seeding")


async def test_nobody_gets_a_certificate_for_the_address_of_the_registry() -> None:
    async with zone("n1", "n2", "n3") as fleet:
        assert fleet.server.told is not None
        fleet.server.told.open("127.0.0.1:7072")
        await fleet.connect("n1", "n2", "n3")
        assert not (await fleet.sessions["n1"].image_sources()).seeding.wanted
        with pytest.raises(grpc.RpcError):
            await fleet.sign("n1")
