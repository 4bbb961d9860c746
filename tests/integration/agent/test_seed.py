"""What a controller wishes of a zone's seed, over real gRPC, and what the agent answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from fairlead.agent.v1 import images_pb2
from fairlead_agent.session_images import Tell
from fairlead_testing.connected_agent import connected
from fairlead_testing.fake_controller import FakeController, running
from fairlead_wire.errors import Unreachable
from fairlead_wire.identity import new_key, request_der

FIRST = images_pb2.Seeding(wanted=True, image="docker.io/fairlead/registry:3.1.2", port=7073, source="192.0.2.1:7072")
AT = "192.0.2.7:7073"


@dataclass
class KeptSeed:
    """Tells at once that it answers, and stays until it is cancelled."""

    begun: list[images_pb2.Seeding] = field(default_factory=list)
    left: list[images_pb2.Seeding] = field(default_factory=list)

    async def keep(self, wish: images_pb2.Seeding, tell: Tell) -> None:
        self.begun.append(wish)
        try:
            await tell(images_pb2.SeedReport(at=AT if wish.wanted else ""))
            await asyncio.Event().wait()
        finally:
            self.left.append(wish)


def wishing(seeding: images_pb2.Seeding | None) -> images_pb2.ImageSources:
    return images_pb2.ImageSources(seeding=seeding)


async def test_the_newest_wish_counts_and_no_word_changes_nothing(tmp_path: Path) -> None:
    controller, seed = FakeController(), KeptSeed()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token(), seed=seed):
        session = await controller.until_session()
        session.send(image_sources=wishing(FIRST))
        await controller.until(lambda: session.seed_reports)
        assert (session.seed_reports[-1].at, seed.begun) == (AT, [FIRST])
        session.send(image_sources=wishing(None))
        session.send(image_sources=wishing(images_pb2.Seeding()))
        await controller.until(lambda: len(session.seed_reports) == 2)
        assert seed.begun == [FIRST, images_pb2.Seeding()]
        assert seed.left == [FIRST]


async def test_each_session_is_told_anew(tmp_path: Path) -> None:
    controller, seed = FakeController(), KeptSeed()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token(), seed=seed):
        for number in (1, 2):
            session = await controller.until_session(number)
            session.send(image_sources=wishing(FIRST))
            await controller.until(lambda: controller.session.seed_reports)
            session.end()
        await controller.until_session(3)
        assert seed.left == [FIRST, FIRST], "what runs is Docker's to keep; nobody waits for a session that is over"


async def test_a_seeds_certificate_is_signed_over_the_session_that_is_open(tmp_path: Path) -> None:
    controller, request = FakeController(), request_der(new_key())
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, token=controller.token(), seed=KeptSeed()) as agent,
    ):
        await controller.until_session()
        session = controller.session
        session.send(image_sources=wishing(FIRST))
        await controller.until(lambda: session.seed_reports)
        assert x509.load_pem_x509_certificate((await agent.connection.sign_seed(request)).encode())
        assert controller.calls["IssueSeedCertificate"] == 1
    with pytest.raises(Unreachable, match="controller is away"):
        await agent.connection.sign_seed(request)
