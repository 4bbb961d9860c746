"""Where an agent gets an image, in which order, and what it says when it gets it nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from fairlead.agent.v1 import images_pb2
from fairlead_agent.effects import HostFailure
from fairlead_agent.fetching import Fetching
from fairlead_agent.image_sources import KnownSources
from fairlead_agent.runtime.port import EngineAway, NoSuchImage
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_wire.task import TaskSpec

ETCD, KUBELET = "registry.k8s.io/etcd:3.7.3-0", "fairlead/kubelet:v1.37.2"
PAUSE = "registry.k8s.io/pause:3.10.2"
DIGEST, IMAGE_ID, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
SEED, CONTROLLER = "seed:7072", "192.0.2.1:7072"
AT_SEED, AT_CONTROLLER = (f"{registry}/registry.k8s.io/etcd@{DIGEST}" for registry in (SEED, CONTROLLER))
CRI = TaskSpec("cri-dockerd", "cri:1", args=(f"--pod-infra-container-image={PAUSE}",))


@dataclass
class FakeTrust:
    kept: list[tuple[str, ...]] = field(default_factory=list)
    forgotten: list[tuple[str, ...]] = field(default_factory=list)
    failure: str = ""

    async def keep(self, registries: Sequence[str]) -> None:
        if self.failure:
            raise HostFailure(self.failure)
        self.kept.append(tuple(registries))

    async def forget_others(self, registries: Sequence[str]) -> None:
        self.forgotten.append(tuple(registries))


@dataclass
class Node:
    """A node whose fleet has etcd and pause at two registries, unless it says otherwise."""

    registries: tuple[str, ...] = (SEED, CONTROLLER)
    offered: tuple[str, ...] = (ETCD, PAUSE)
    refused: dict[str, str] = field(default_factory=dict)
    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    trust: FakeTrust = field(default_factory=FakeTrust)
    fetching: Fetching = field(init=False)

    def __post_init__(self) -> None:
        refusal = lambda reference: self.refused.get(reference, "")  # noqa: E731
        self.fetching = Fetching(self.runtime, KnownSources(), self.trust, refusal)
        images = [images_pb2.FleetImage(reference=name, digest=DIGEST, image_id=IMAGE_ID) for name in self.offered]
        self.fetching.take(images_pb2.ImageSources(registries=self.registries, images=images))

    def serve(self, *names: str, image_id: str = IMAGE_ID) -> None:
        """These can be pulled, and turn out to be that image."""
        self.runtime.registry |= set(names)
        self.runtime.ids |= dict.fromkeys(names, image_id)

    def pulls(self) -> list[str]:
        return [call.removeprefix("pull ") for call in self.runtime.calls if call.startswith("pull ")]


async def test_what_is_here_is_not_fetched() -> None:
    node = Node(runtime=FakeRuntime([ETCD]))
    await node.fetching.ensure(ETCD)
    assert node.pulls() == []


async def test_the_nearest_registry_gives_it_under_its_own_name_alone() -> None:
    node = Node()
    node.serve(AT_SEED, AT_CONTROLLER)
    await node.fetching.ensure(ETCD)
    assert node.pulls() == [AT_SEED]
    assert node.runtime.images == {ETCD}
    assert await node.runtime.image_id(ETCD) == IMAGE_ID
    assert node.trust.kept == [(SEED,)]


async def test_docker_may_know_it_by_the_digest_of_its_manifest() -> None:
    node = Node()
    node.serve(AT_SEED, image_id=DIGEST)
    await node.fetching.ensure(ETCD)
    assert node.runtime.images == {ETCD}


async def test_the_next_registry_and_then_the_upstream_one_are_asked_in_turn() -> None:
    node = Node()
    node.serve(AT_CONTROLLER)
    await node.fetching.ensure(ETCD)
    assert node.pulls() == [AT_SEED, AT_CONTROLLER]
    other = Node()
    other.runtime.registry.add(ETCD)
    await other.fetching.ensure(ETCD)
    assert other.pulls() == [AT_SEED, AT_CONTROLLER, ETCD]
    assert other.runtime.images == {ETCD}


async def test_another_image_than_announced_is_not_kept() -> None:
    node = Node()
    node.serve(AT_SEED, image_id=OTHER)
    node.serve(AT_CONTROLLER)
    await node.fetching.ensure(ETCD)
    assert node.pulls() == [AT_SEED, AT_CONTROLLER]
    assert node.runtime.images == {ETCD}
    assert await node.runtime.image_id(ETCD) == IMAGE_ID


async def test_names_that_docker_completes_are_completed() -> None:
    node = Node(offered=("docker.io/fairlead/kubelet:v1.37.2",))
    node.serve(f"{SEED}/docker.io/fairlead/kubelet@{DIGEST}")
    await node.fetching.ensure(KUBELET)
    assert node.runtime.images == {KUBELET}


@pytest.mark.parametrize("parts", [{"registries": ()}, {"offered": ()}])
async def test_without_the_fleet_the_upstream_registry_is_asked_as_ever(parts: dict[str, tuple[str, ...]]) -> None:
    node = Node(**parts)  # type: ignore[arg-type]
    node.runtime.registry.add(ETCD)
    await node.fetching.ensure(ETCD)
    assert node.pulls() == [ETCD]


async def test_every_try_is_told_in_one_sentence_with_what_to_do() -> None:
    node = Node()
    node.runtime.unpullable = {AT_SEED: "connection refused", AT_CONTROLLER: "not found.", ETCD: "no such host"}
    with pytest.raises(NoSuchImage) as caught:
        await node.fetching.ensure(ETCD)
    assert str(caught.value) == (
        f"the image {ETCD} can't be had: the fleet's registry {SEED} says: connection refused; "
        f"the fleet's registry {CONTROLLER} says: not found; "
        f"its own registry registry.k8s.io says: no such host; "
        f"see that this server reaches {SEED}, {CONTROLLER}, then it is tried again"
    )


async def test_a_full_disk_is_no_matter_of_the_network() -> None:
    node = Node()
    node.runtime.unpullable = {AT_SEED: "write /var/lib/docker/x: no space left on device"}
    with pytest.raises(NoSuchImage, match=r"make room on the disk of this server's Docker, then it is tried again$"):
        await node.fetching.ensure(ETCD)


async def test_what_the_fleet_lacks_can_be_given_to_it() -> None:
    node = Node(offered=())
    node.runtime.unpullable = {ETCD: "no such host"}
    with pytest.raises(NoSuchImage) as caught:
        await node.fetching.ensure(ETCD)
    assert str(caught.value) == (
        f"the image {ETCD} is not in the fleet's registry, and its own registry registry.k8s.io says: no such host; "
        f"give it to the fleet with `fairlead bundle import FILE` or `fairlead images push {ETCD}`"
    )


async def test_docker_that_is_away_is_no_fault_of_a_registry() -> None:
    node = Node()
    node.serve(AT_CONTROLLER)
    node.runtime.pull_seconds = 0.001
    pulling = asyncio.create_task(node.fetching.ensure(ETCD))
    while not node.pulls():  # noqa: ASYNC110 - a fake tells nobody
        await asyncio.sleep(0)
    node.runtime.go_away()
    with pytest.raises(EngineAway):
        await pulling
    assert node.pulls() == [AT_SEED]


async def test_a_server_that_can_not_trust_the_registry_asks_upstream() -> None:
    node = Node(trust=FakeTrust(failure="/etc/docker: Read-only file system"))
    node.serve(AT_SEED)
    node.runtime.unpullable = {ETCD: "no such host"}
    with pytest.raises(NoSuchImage, match=r"seed:7072 says: /etc/docker: Read-only file system; .*no such host"):
        await node.fetching.ensure(ETCD)
    assert node.pulls() == [ETCD]


async def test_who_asks_for_the_same_at_the_same_time_gets_one_pull() -> None:
    node = Node()
    node.serve(AT_SEED)
    await asyncio.gather(*(node.fetching.ensure(ETCD) for _ in range(3)))
    assert node.pulls() == [AT_SEED]


async def test_who_leaves_does_not_take_it_from_the_others() -> None:
    node = Node()
    node.serve(AT_SEED)
    node.runtime.pull_seconds = 0.01
    first, second = (asyncio.create_task(node.fetching.ensure(ETCD)) for _ in range(2))
    while not node.pulls():  # noqa: ASYNC110 - a fake tells nobody
        await asyncio.sleep(0)
    first.cancel()
    await second
    assert node.pulls() == [AT_SEED, AT_SEED]
    assert node.runtime.images == {ETCD}


async def test_a_person_gets_only_what_the_nodes_policy_allows() -> None:
    node = Node(refused={ETCD: "This node's policy does not allow the image."})
    node.serve(AT_SEED)
    with pytest.raises(HostFailure, match="policy does not allow"):
        await node.fetching.ask(ETCD)
    assert node.pulls() == []
    node.refused.clear()
    await node.fetching.ask(ETCD)
    assert node.runtime.images == {ETCD}


async def test_what_is_here_of_several() -> None:
    node = Node(runtime=FakeRuntime([ETCD, KUBELET]))
    asked = ["docker.io/fairlead/kubelet:v1.37.2", PAUSE, ETCD]
    assert await node.fetching.present(asked) == ("docker.io/fairlead/kubelet:v1.37.2", ETCD)


@pytest.mark.parametrize("refused", [{}, {PAUSE: "no"}])
async def test_what_a_program_starts_by_itself_is_got_from_the_fleet(refused: dict[str, str]) -> None:
    node = Node(refused=refused)
    node.serve(f"{SEED}/registry.k8s.io/pause@{DIGEST}")
    await node.fetching.beside(CRI)
    assert node.runtime.images == (set() if refused else {PAUSE})


async def test_and_is_left_to_the_program_where_the_fleet_does_not_give_it() -> None:
    node = Node()
    await node.fetching.beside(CRI)
    without = Node(offered=())
    await without.fetching.beside(CRI)
    assert PAUSE not in node.pulls()
    assert without.runtime.calls == []


def told_of_mirrors(node: Node, *mirrors: str, **logins: str) -> None:
    """`logins`: user names of the mirror and of the upstream registry."""
    accesses = [
        images_pb2.RegistryAccess(
            registry="registry.k8s.io", mirrors=mirrors, username=logins.get("upstream", ""), password="secret"
        ),
        images_pb2.RegistryAccess(registry="m.example.com", username=logins.get("mirror", ""), password="secret"),
    ]
    node.fetching.take(images_pb2.ImageSources(accesses=accesses))


MIRRORED = "m.example.com/k8s/etcd:3.7.3-0"


async def test_a_mirror_is_asked_first_with_its_own_login_and_leaves_no_other_name() -> None:
    node = Node()
    told_of_mirrors(node, "down.example.com", "m.example.com/k8s", mirror="robot", upstream="anna")
    node.serve(MIRRORED, ETCD)
    await node.fetching.ensure(ETCD)
    assert node.pulls() == ["down.example.com/etcd:3.7.3-0", f"{MIRRORED} as robot"]
    assert node.runtime.images == {ETCD}


async def test_where_no_mirror_has_it_the_registry_is_asked_with_its_login() -> None:
    node = Node()
    told_of_mirrors(node, "m.example.com/k8s", upstream="anna")
    node.serve(ETCD)
    await node.fetching.ensure(ETCD)
    assert node.pulls() == [MIRRORED, f"{ETCD} as anna"]


async def test_a_mirror_is_no_mirror_of_other_registries() -> None:
    node = Node()
    told_of_mirrors(node, "m.example.com/k8s", upstream="anna")
    node.serve(KUBELET)
    await node.fetching.ensure(KUBELET)
    assert node.pulls() == [KUBELET]


async def test_what_neither_mirror_nor_registry_has_is_told_with_both_reasons() -> None:
    node = Node()
    told_of_mirrors(node, "m.example.com/k8s")
    with pytest.raises(NoSuchImage) as caught:
        await node.fetching.ensure(ETCD)
    assert "the mirror m.example.com says: the registry has no such image" in str(caught.value)
    assert "its own registry registry.k8s.io says: the registry has no such image" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_registry_that_has_just_failed_is_asked_last() -> None:
    node = Node()
    node.serve(AT_CONTROLLER, AT_CONTROLLER.replace("/etcd@", "/pause@"))
    await node.fetching.ensure(ETCD)
    await node.fetching.ensure(PAUSE)
    asked = [call for call in node.runtime.calls if call.startswith("pull ")]
    assert [call.partition("/")[0].removeprefix("pull ") for call in asked] == [SEED, CONTROLLER, CONTROLLER]
