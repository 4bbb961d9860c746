"""Images that the agent fetched go when nothing has needed them for long; nobody else's ever do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_agent import image_ages
from fairlead_agent.image_ages import FULL_SHARE, KEEP_SECONDS, PRESSED_SECONDS, Looked
from fairlead_agent.image_keeper import FILE, ImageKeeper
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_agent.view import Fallback, Memory
from fairlead_testing.tasks import assignment, service

DAY = 86_400.0
OLD, NEW, BACK = service("etcd", image="x/etcd:1"), service("etcd", image="x/etcd:2"), service("kubelet", image="x/k:1")
AGES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6), max_size=6)


@dataclass
class Shelf:
    """Images of a Docker; one of `busy` can't be removed, as a container uses it."""

    there: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)

    async def forget_image(self, reference: str) -> None:
        if reference in self.busy:
            raise RuntimeFailure(f"conflict: unable to remove {reference}, a container is using it")
        self.there.discard(reference)


@dataclass
class Node:
    """A keeper and what it sees."""

    folder: Path
    shelf: Shelf = field(default_factory=Shelf)
    memory: Memory = field(default_factory=Memory)
    share: float = 0.1
    now: float = 1_800_000_000.0
    told: list[str] = field(default_factory=list)

    @property
    def keeper(self) -> ImageKeeper:
        """A new one each time: what counts is on the disk."""
        return ImageKeeper(
            self.shelf,
            self.folder,
            lambda: self.memory,
            lambda: self.share,
            lambda: self.now,
            lambda kind, sentence: self.told.append(f"{kind}: {sentence}"),
        )

    async def fetch(self, *references: str) -> None:
        for reference in references:
            self.shelf.there.add(reference)
            await self.keeper.fetched(reference)

    def listed(self) -> Mapping[str, float]:
        found: Mapping[str, float] = json.loads((self.folder / FILE).read_text())
        return found


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_an_image_goes_a_week_after_its_last_use(node: Node) -> None:
    await node.fetch("docker.io/x/etcd:1", "docker.io/x/etcd:2")
    node.memory = Memory(assignment(OLD))
    node.now += 30 * DAY
    assert await node.keeper.look() == ("docker.io/x/etcd:2",)
    node.memory = Memory(assignment(NEW))
    for days in (1, 5):
        node.now += days * DAY
        assert await node.keeper.look() == ()
    node.now += 2 * DAY
    assert await node.keeper.look() == ("docker.io/x/etcd:1",)
    assert node.told[-1].startswith("image-removed: The image docker.io/x/etcd:1 was removed")
    assert node.shelf.there == set()
    assert node.listed() == {}


async def test_on_a_disk_that_runs_full_it_goes_after_an_hour(node: Node) -> None:
    await node.fetch("docker.io/x/etcd:1")
    node.share = FULL_SHARE
    node.now += PRESSED_SECONDS
    assert await node.keeper.look() == ()
    node.now += 1
    assert await node.keeper.look() == ("docker.io/x/etcd:1",)


async def test_what_others_brought_is_never_touched(node: Node) -> None:
    node.shelf.there = {"docker.io/library/shop:1"}
    node.memory, node.share = Memory(assignment(service("etcd", image="shop:1"))), 1.0
    for _ in range(3):
        node.now += 300 * DAY
        assert await node.keeper.look() == ()
        node.memory = Memory()
    assert node.shelf.there == {"docker.io/library/shop:1"}


async def test_what_the_node_would_go_back_to_stays(node: Node) -> None:
    await node.fetch("docker.io/x/k:1")
    node.memory = Memory(fallbacks={"kubelet": Fallback(BACK, BACK.hash)})
    node.now += 300 * DAY
    assert await node.keeper.look() == ()


async def test_what_a_container_uses_stays_on_the_list(node: Node) -> None:
    await node.fetch("docker.io/x/etcd:1")
    node.shelf.busy = {"docker.io/x/etcd:1"}
    node.now += 300 * DAY
    assert await node.keeper.look() == ()
    node.shelf.busy = set()
    assert await node.keeper.look() == ("docker.io/x/etcd:1",)


async def test_a_list_that_is_damaged_removes_nothing(node: Node) -> None:
    await node.fetch("docker.io/x/etcd:1")
    for content in ("", "[1, 2]", '{"a": "b"}', "\x00\x01"):
        (node.folder / FILE).write_text(content)
        node.now += 300 * DAY
        assert await node.keeper.look() == ()
    await node.fetch("docker.io/x/etcd:2")
    assert list(node.listed()) == ["docker.io/x/etcd:2"]


@given(AGES, st.sets(st.sampled_from("abcdef")), st.floats(0, 2e6), st.floats(0, 1))
def test_nothing_that_is_needed_or_young_goes(
    ages: dict[str, float], needed: set[str], now: float, share: float
) -> None:
    gone = image_ages.removable(image_ages.used(ages, needed, now), Looked(needed, share), now)
    assert not needed & set(gone)
    assert all(now - ages[name] > PRESSED_SECONDS for name in gone)
    assert share >= FULL_SHARE or all(now - ages[name] > KEEP_SECONDS for name in gone)
