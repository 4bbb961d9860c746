"""The lab's images out of a bundle: archives for servers' Dockers, and kubectl, with nothing built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairlead_cli.bundle import create
from fairlead_cli.bundle.opened import Bundle, open_bundle
from fairlead_cli.images import archive
from fairlead_cli.images.builder import Builder
from fairlead_cli.images.cache import Cache
from fairlead_cli.lab import images, kept_bundle
from fairlead_cli.lab.from_bundle import BundleStock
from fairlead_testing import small_bundle
from fairlead_wire.errors import Invalid

ALL = (*images.ON_SERVERS, *images.FOR_THE_LAB, images.AGENT)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle with everything that a lab needs, all of it small."""
    return made(tmp_path)


def made(tmp_path: Path, agent_key: str = "") -> Bundle:
    keys = {images.AGENT: agent_key}
    given = [small_bundle.image(tmp_path / "blobs", name, {f"/{name}": b""}, key=keys.get(name, "")) for name in ALL]
    (tmp_path / "kubectl").write_bytes(b"#!kubectl")
    filled = small_bundle.filled(given, {"kubectl": tmp_path / "kubectl"})
    create.write(filled, tmp_path / "b.tar", small_bundle.step())
    return open_bundle(tmp_path / "b.tar")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_archives_are_written_once_and_hold_the_bundles_images(bundle: Bundle, cache: Cache) -> None:
    stock = BundleStock(bundle, cache)
    assert stock.find(images.COMPONENTS) is None
    said: list[str] = []
    built = stock.build(images.COMPONENTS, said.append)
    assert len(said) == len(images.COMPONENTS)
    for one in built:
        assert set(archive.image_ids(one.archive).values()) == {one.image_id}
        assert (one.how, one.images) == ("cached", (f"example.com/{one.name}:1",))
    assert BundleStock(bundle, cache).find(images.COMPONENTS) == built
    stock.build(images.COMPONENTS, pytest.fail)


def test_an_archive_of_the_same_image_in_the_cache_is_used(bundle: Bundle, cache: Cache) -> None:
    entry = bundle.document.image("etcd")
    assert entry is not None
    there = cache.image("etcd", "0123456789abcdef")
    there.parent.mkdir(parents=True)
    archive.write([bundle.image(entry)], there)
    found = BundleStock(bundle, cache).find(["etcd"])
    assert found is not None
    assert found[0].archive == there


def test_an_archive_of_another_image_is_not(bundle: Bundle, cache: Cache) -> None:
    entry = bundle.document.image("pause")
    assert entry is not None
    there = cache.image("etcd", "0123456789abcdef")
    there.parent.mkdir(parents=True)
    archive.write([bundle.image(entry)], there)
    assert BundleStock(bundle, cache).find(["etcd"]) is None


def test_what_only_this_machine_loads_needs_no_archive(bundle: Bundle, cache: Cache) -> None:
    found = BundleStock(bundle, cache).find(images.FOR_THE_LAB)
    assert found is not None
    assert [one.name for one in found] == list(images.FOR_THE_LAB)


def test_kubectl_comes_out_as_a_program(bundle: Bundle, cache: Cache) -> None:
    program = BundleStock(bundle, cache).program("kubectl", lambda _: None)
    assert program.read_bytes() == b"#!kubectl"
    assert program.stat().st_mode & 0o777 == 0o755
    with pytest.raises(Invalid, match="has no helm"):
        BundleStock(bundle, cache).program("helm", lambda _: None)


def test_a_bundle_that_was_not_made_for_a_lab_is_refused(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(Invalid, match=r"was not made for a lab: it lacks agent, .*pause") as told:
        BundleStock(open_bundle(small_bundle.bundle(tmp_path)), cache)
    assert told.value.next_step == "Make one with `fairlead bundle create --for-lab`."


def test_the_newest_bundle_at_hand_is_found(tmp_path: Path) -> None:
    assert kept_bundle.find(tmp_path) is None
    folder = tmp_path / "bundles"
    folder.mkdir()
    for age, name in enumerate(("new.tar", "old.tar", "older.tar")):
        (folder / name).touch()
        os.utime(folder / name, (1_000_000 - age, 1_000_000 - age))
    (folder / "newest.txt").touch()
    assert kept_bundle.find(tmp_path) == folder / "new.tar"


def test_what_the_cache_lacks_comes_from_the_bundle_at_hand(
    bundle: Bundle, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRLEAD_CACHE", str(cache.root))
    stock = kept_bundle.CacheFirst(lambda: BundleStock(bundle, cache))
    assert stock.find(images.COMPONENTS) is None
    built = stock.build(images.COMPONENTS, lambda _: None)
    assert built == BundleStock(bundle, cache).build(images.COMPONENTS, pytest.fail)
    assert stock.find(images.COMPONENTS) == built
    assert stock.program("kubectl", lambda _: None).read_bytes() == b"#!kubectl"


def test_an_image_tells_what_it_was_built_from(tmp_path: Path, cache: Cache) -> None:
    stock = BundleStock(made(tmp_path, "0123456789abcdef"), cache)
    assert (stock.key_of(images.AGENT), stock.key_of("etcd")) == ("0123456789abcdef", "")


def test_the_agent_need_not_be_built_if_the_bundles_is_of_this_checkouts_files(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRLEAD_CACHE", str(cache.root))
    opened = made(tmp_path, Builder().key_of(images.AGENT))
    [agent] = kept_bundle.CacheFirst(lambda: BundleStock(opened, cache)).build([images.AGENT], lambda _: None)
    assert agent.image_id == next(one.id for one in opened.document.images if one.name == images.AGENT)
