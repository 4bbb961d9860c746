"""A node that is its zone's seed: what runs, what it serves with, what is told, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fairlead.agent.v1 import images_pb2
from fairlead_agent.effects import HostFailure, ProbeResult
from fairlead_agent.identity_store import Identity
from fairlead_agent.runtime.failures import from_answer
from fairlead_agent.runtime.people_port import EngineRequest
from fairlead_agent.runtime.port import EngineAway
from fairlead_agent.seed import SeedKeeper
from fairlead_agent.seed_files import SeedFiles
from fairlead_controller.pki.authority import seed_certificate
from fairlead_testing.authorities import FleetAuthority
from fairlead_wire.errors import Refused
from fairlead_wire.task import Probe

NOW, DAY = 1_800_000_000.0, 86_400.0
IMAGE = "docker.io/fairlead/registry:3.1.2"
WISH = images_pb2.Seeding(wanted=True, image=IMAGE, address="192.0.2.7", port=7073, source="192.0.2.1:7072")
AT = "192.0.2.7:7073"


@dataclass
class OneContainerEngine:
    """Docker, as far as one container and its volume go."""

    container: dict[str, Any] | None = None
    did: list[str] = field(default_factory=list)
    away: int = 0
    """How many questions it does not answer yet."""
    refusal: str = ""
    """Why nothing starts."""

    async def ask(self, request: EngineRequest) -> Any:
        if self.away:
            self.away -= 1
            raise EngineAway("Docker does not answer")
        if request.method != "GET":
            self.did.append(f"{request.method} {request.path}")
        match request.method, request.path.rpartition("/")[2]:
            case "POST", "create":
                self.container = {"Config": request.body, "State": {"Running": False}}
            case "POST", "start" if self.refusal:
                raise from_answer(500, self.refusal)
            case "POST", "start":
                assert self.container is not None
                self.container["State"]["Running"] = True
            case "DELETE", _ if "volumes" not in request.path:
                self.container = None
            case "GET", "json" if self.container is None:
                raise from_answer(404, "No such container: fairlead-seed")
        return self.container


@dataclass
class Prober:
    healthy: bool = True
    asked: list[Probe] = field(default_factory=list)

    async def probe(self, probe: Probe) -> ProbeResult:
        self.asked.append(probe)
        return ProbeResult(self.healthy, "" if self.healthy else "https://192.0.2.7:7073/v2/ does not answer: refused.")


class SeedNode:
    """A keeper above fakes, and what it told the controller."""

    def __init__(self, folder: Path, **parts: Any) -> None:
        self.folder, self.engine, self.prober = folder / "seed", OneContainerEngine(), Prober()
        self.authority, self.now = FleetAuthority(NOW), NOW
        mine = self.authority.node("id-n7")
        self.identity: Identity | None = Identity(
            "id-n7", "f1eet", "c:7071", mine.authority.decode(), mine.chain.decode(), mine.key.decode()
        )
        self.fetched: list[str] = []
        self.refused = ""
        self.told: list[images_pb2.SeedReport] = []
        self._news = asyncio.Event()
        files = SeedFiles(self.folder, lambda: self.identity, self.sign, lambda: self.now)
        self.signed = 0
        self.unsigned = False
        self.keeper = SeedKeeper(self.engine, files, self.fetch, self.prober, start_seconds=0.0, **parts)

    async def sign(self, request: bytes) -> str:
        if self.unsigned:
            raise Refused("n7 is not the seed of its zone.", "Wait.")
        self.signed += 1
        return seed_certificate(self.authority.record, "id-n7", "192.0.2.7", request, self.authority.stamp()).decode()

    async def fetch(self, reference: str) -> None:
        if self.refused:
            raise HostFailure(self.refused)
        self.fetched.append(reference)

    async def tell(self, report: images_pb2.SeedReport) -> None:
        self.told.append(report)
        self._news.set()

    async def until_told(self) -> images_pb2.SeedReport:
        await self._news.wait()
        self._news.clear()
        return self.told[-1]

    @asynccontextmanager
    async def keeping(self, wish: images_pb2.Seeding = WISH) -> AsyncIterator[None]:
        task = asyncio.create_task(self.keeper.keep(wish, self.tell))
        try:
            async with asyncio.timeout(30):
                yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def once(self, wish: images_pb2.Seeding = WISH) -> images_pb2.SeedReport:
        async with self.keeping(wish):
            return await self.until_told()

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def seed(tmp_path: Path) -> SeedNode:
    return SeedNode(tmp_path)


async def test_a_container_serves_with_a_certificate_of_its_own_and_asks_with_the_nodes_identity(
    seed: SeedNode,
) -> None:
    assert (await seed.once()).at == AT
    assert seed.engine.did == ["POST /containers/create", "POST /containers/fairlead-seed/start"]
    assert seed.fetched == [IMAGE]
    body = seed.engine.container["Config"] if seed.engine.container else {}
    assert body["Image"] == IMAGE
    assert body["HostConfig"]["RestartPolicy"] == {"Name": "always"}
    assert {"Type": "bind", "Source": str(seed.folder), "Target": "/seed", "ReadOnly": True} in body["HostConfig"][
        "Mounts"
    ]
    assert "fairlead.seed" in body["Labels"]
    files = seed.content()
    config = json.loads(files["config.json"])
    assert config["proxy"]["remoteurl"] == "https://192.0.2.1:7072"
    assert config["http"]["addr"] == AT
    assert config["http"]["tls"]["clientauth"] == "require-and-verify-client-cert"
    assert seed.identity is not None
    assert files["client.crt"] == seed.identity.chain.encode()
    assert {(seed.folder / name).stat().st_mode & 0o777 for name in files} == {0o600}
    assert "PRIVATE" not in json.dumps(body), "no secret in what Docker shows"


async def test_the_same_wish_again_changes_nothing(seed: SeedNode) -> None:
    await seed.once()
    before, content = list(seed.engine.did), seed.content()
    assert (await seed.once()).at == AT
    assert (seed.engine.did, seed.content(), seed.signed) == (before, content, 1)


async def test_a_renewed_identity_needs_no_restart(seed: SeedNode) -> None:
    await seed.once()
    before = list(seed.engine.did)
    mine = seed.authority.node("id-n7")
    assert seed.identity is not None
    seed.identity = Identity(
        "id-n7", "f1eet", "c:7071", seed.identity.authority, mine.chain.decode(), mine.key.decode()
    )
    await seed.once()
    assert seed.content()["client.key"] == mine.key
    assert seed.engine.did == before


@pytest.mark.parametrize("days", [200, 400])
async def test_its_own_certificate_is_made_anew_past_half_of_its_life_and_after_its_end(
    seed: SeedNode, days: int
) -> None:
    await seed.once()
    first = seed.content()["server.crt"]
    seed.now = seed.authority.now = NOW + days * DAY
    await seed.once()
    assert seed.content()["server.crt"] != first
    assert seed.engine.did[2:] == ["DELETE /containers/fairlead-seed", *seed.engine.did[:2]], "it reads it at its start"


async def test_a_node_that_moved_gets_a_certificate_for_where_it_is(seed: SeedNode) -> None:
    await seed.once()
    moved = images_pb2.Seeding(wanted=True, image=IMAGE, address="192.0.2.8", port=7073, source=WISH.source)
    await seed.once(moved)
    assert seed.signed == 2


async def test_one_that_was_stopped_is_started_again(seed: SeedNode) -> None:
    await seed.once()
    assert seed.engine.container is not None
    seed.engine.container["State"]["Running"] = False
    assert (await seed.once()).at == AT
    assert seed.engine.did[2:] == ["POST /containers/fairlead-seed/start"]


def _policy(node: SeedNode) -> None:
    node.refused = "This node's policy does not allow the image"


def _refusing(node: SeedNode) -> None:
    node.unsigned = True


def _port(node: SeedNode) -> None:
    node.engine.refusal = "driver failed: address already in use"


def _stranger(node: SeedNode) -> None:
    node.identity = None


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_policy, "policy does not allow the image"),
        (_refusing, "not the seed of its zone"),
        (_port, "address already in use"),
        (_stranger, "no identity yet"),
    ],
)
async def test_what_fails_is_told(seed: SeedNode, broken: Callable[[SeedNode], None], said: str) -> None:
    broken(seed)
    report = await seed.once()
    assert report.at == ""
    assert said in report.reason


async def test_a_policy_without_the_fleets_images_has_no_seed_either(tmp_path: Path) -> None:
    seed = SeedNode(tmp_path, allowed=False)
    assert '"fleet_images" is false' in (await seed.once()).reason
    assert seed.engine.did == []


async def test_one_that_does_not_answer_is_told_with_where_to_look(
    seed: SeedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_agent.seed.ANSWER_SECONDS", 0.05)
    seed.prober.healthy = False
    assert (await seed.once()).reason == (
        "https://192.0.2.7:7073/v2/ does not answer: refused; look at `docker logs fairlead-seed`"
    )


async def test_a_docker_that_is_restarted_is_waited_for_and_nothing_is_told(
    seed: SeedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead_agent.seed.AWAY_SECONDS", 0.01)
    seed.engine.away = 3
    await seed.once()
    assert [report.at for report in seed.told] == [AT]


async def test_what_is_wished_no_longer_goes_with_all_that_it_fetched(tmp_path: Path) -> None:
    seed = SeedNode(tmp_path, linger_seconds=0.0)
    await seed.once()
    await seed.keeper.keep(images_pb2.Seeding(), seed.tell)
    assert seed.engine.did[2:] == ["DELETE /containers/fairlead-seed", "DELETE /volumes/fairlead-seed"]
    assert not seed.folder.exists()
    await seed.keeper.keep(images_pb2.Seeding(), seed.tell)
    assert len(seed.engine.did) == 4, "there was nothing left to do"


async def test_one_that_is_wished_again_soon_still_has_what_it_fetched(seed: SeedNode) -> None:
    await seed.once()
    async with seed.keeping(images_pb2.Seeding()):
        await asyncio.sleep(0)
    assert (await seed.once()).at == AT
    assert len(seed.engine.did) == 2


async def test_a_removal_that_was_broken_off_is_gone_on_with(tmp_path: Path) -> None:
    seed = SeedNode(tmp_path, linger_seconds=0.0)
    await seed.once()
    seed.engine.container = None
    await seed.keeper.keep(images_pb2.Seeding(), seed.tell)
    assert seed.engine.did[-1] == "DELETE /volumes/fairlead-seed"
    assert not seed.folder.exists()
