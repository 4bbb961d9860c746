"""The store of images: what is in it is whole, what is not needed goes, and a restart finds the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fairlead_controller.images.fleet_images import FRESH_SECONDS, StoredImages
from fairlead_controller.images.layout import Layout
from fairlead_testing.fleet_images import digest_of, pieces, put, small_image
from fairlead_testing.small_disk import small_disk
from fairlead_wire.errors import FairleadError, Invalid, Missing, Refused
from fairlead_wire.image_names import image_name

ETCD, SHOP = "registry.k8s.io/etcd:1", "docker.io/library/shop:1"


@dataclass
class Bench:
    """A store on a folder, and the time in it."""

    folder: Path
    now: float = 1_000_000_000.0
    reserve: int = 0
    images: StoredImages = field(init=False)

    def __post_init__(self) -> None:
        self.images = StoredImages(self.folder, lambda: self.now, self.reserve)

    async def again(self) -> StoredImages:
        """As another controller finds it."""
        await self.images.close()
        self.__post_init__()
        await self.images.open()
        return self.images

    def files(self) -> list[str]:
        """All blobs and links, and what is half-written."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "registry")
    await made.images.open()
    yield made
    await made.images.close()


async def test_an_empty_store_has_nothing_and_makes_nothing(bench: Bench) -> None:
    assert dict(bench.images.all()) == {}
    assert bench.images.missing([digest_of(b"x")]) == (digest_of(b"x"),)
    assert (bench.images.size, bench.images.registry) == (0, "")
    assert await bench.images.sweep() == 0
    assert not bench.folder.exists()


async def test_what_was_put_is_there_also_for_the_next_controller(bench: Bench) -> None:
    one, two = small_image(b"both", b"one"), small_image(b"both", b"two")
    await put(bench.images, "registry.k8s.io/etcd:1", one)
    await put(bench.images, "shop", two)
    before = dict(bench.images.all())
    assert {name: image.digest for name, image in before.items()} == {
        ETCD: one.digest,
        "docker.io/library/shop:latest": two.digest,
    }
    assert bench.images.size == sum(map(len, {**one.blobs, **two.blobs}.values())) + len(one.manifest + two.manifest)
    size = bench.images.size
    after = await bench.again()
    assert (dict(after.all()), after.size) == (before, size)


async def test_every_change_is_told_and_putting_the_same_again_is_none(bench: Bench) -> None:
    told: list[tuple[str, list[str]]] = []
    bench.images.on_change(lambda: told.append((bench.images.registry, sorted(bench.images.all()))))
    await put(bench.images, SHOP, small_image(b"one"))
    await put(bench.images, SHOP, small_image(b"one"))
    bench.images.serve_at("192.0.2.10:7072")
    bench.images.serve_at("192.0.2.10:7072")
    await bench.images.delete("shop:1")
    assert told == [("", [SHOP]), ("192.0.2.10:7072", [SHOP]), ("192.0.2.10:7072", [])]


@pytest.mark.parametrize(
    ("digest", "size", "content", "said"),
    [
        (digest_of(b"right"), 5, b"wrong", "is corrupted"),
        (digest_of(b"right"), 5, b"righ", "is truncated: 4 of 5 bytes"),
        (digest_of(b"right"), 5, b"right!", "more than the 5 bytes"),
        (digest_of(b"right"), -1, b"right", "-1 bytes"),
        (digest_of(b"right"), 2**63, b"right", "bytes"),
        ("sha256:right", 5, b"right", "is no digest"),
    ],
)
async def test_a_blob_that_is_not_what_was_announced_leaves_nothing(
    bench: Bench, digest: str, size: int, content: bytes, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await bench.images.add_blob(digest, size, pieces(content, 2))
    assert bench.files() == []


async def test_an_upload_that_is_broken_off_leaves_nothing_and_can_be_made_again(bench: Bench) -> None:
    content, begun = b"x" * 1000, asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield content[:500]
        begun.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(bench.images.add_blob(digest_of(content), 1000, half()))
    await begun.wait()
    assert len(bench.files()) == 1
    sending.cancel()
    await asyncio.wait([sending])
    assert bench.files() == []
    await bench.images.add_blob(digest_of(content), 1000, pieces(content))
    assert bench.images.missing([digest_of(content)]) == ()


async def test_what_a_killed_controller_left_half_written_is_gone_after_the_next_start(bench: Bench) -> None:
    await put(bench.images, SHOP, small_image(b"one"))
    whole = bench.files()
    (bench.folder / "incoming" / "tmpx").write_bytes(b"half")
    await bench.again()
    assert bench.files() == whole


async def test_an_image_needs_all_its_blobs(bench: Bench) -> None:
    image = small_image(b"one", b"two")
    first, *rest = image.blobs
    await bench.images.add_blob(first, len(image.blobs[first]), pieces(image.blobs[first]))
    with pytest.raises(Missing, match=f"2 of the 3 blobs of the image are not there, first {rest[0]}"):
        await bench.images.put(SHOP, image.manifest)
    assert dict(bench.images.all()) == {}


async def test_a_manifest_with_wrong_sizes_is_refused(bench: Bench) -> None:
    image = small_image(b"one")
    await put(bench.images, SHOP, image)
    size = len(image.blobs[list(image.blobs)[1]])
    wrong = image.manifest.replace(f'"size": {size}'.encode(), f'"size": {size + 1}'.encode())
    with pytest.raises(Invalid, match="a size that they don't have"):
        await bench.images.put("other", wrong)


@pytest.mark.parametrize("reference", ["", "a@b", "../x", "registry.example.com:5000/shop"])
async def test_a_bad_name_is_refused_before_anything_is_written(bench: Bench, reference: str) -> None:
    with pytest.raises(Invalid):
        await bench.images.put(reference, small_image(b"one").manifest)
    with pytest.raises(Invalid):
        await bench.images.delete(reference)
    assert bench.files() == []


async def test_the_last_name_takes_its_blobs_with_it_but_none_that_another_image_needs(bench: Bench) -> None:
    one, two = small_image(b"both", b"one"), small_image(b"both", b"two")
    await put(bench.images, ETCD, one)
    await put(bench.images, SHOP, two)
    bench.now += FRESH_SECONDS + 1
    only = {digest: content for digest, content in one.blobs.items() if digest not in two.blobs}
    assert await bench.images.delete(ETCD) == sum(map(len, only.values())) + len(one.manifest)
    assert set(bench.images.missing([*one.blobs, *two.blobs])) == set(only)
    bench.now += FRESH_SECONDS + 1
    assert await bench.images.delete(SHOP) > 0
    assert bench.files() == []
    assert list(Layout(bench.folder).repositories.iterdir()) == []


async def test_what_an_upload_may_count_on_stays_for_an_hour(bench: Bench) -> None:
    image = small_image(b"one")
    await put(bench.images, SHOP, image)
    bench.now += FRESH_SECONDS + 1
    assert bench.images.missing(image.blobs) == ()  # an upload asks, and leaves them out
    await bench.images.delete(SHOP)
    bench.now += FRESH_SECONDS - 1
    assert await bench.images.sweep() == 0
    await bench.images.put(SHOP, image.manifest)
    await bench.images.delete(SHOP)
    bench.now += FRESH_SECONDS * 2
    assert await bench.images.sweep() == image.size + len(image.manifest)


async def test_an_unknown_name_can_t_be_taken_away(bench: Bench) -> None:
    with pytest.raises(Missing, match=r"no image docker\.io/library/shop:1"):
        await bench.images.delete("shop:1")


async def test_a_name_that_moves_on_leaves_the_old_image_to_the_sweep(bench: Bench) -> None:
    old, new = small_image(b"old"), small_image(b"new")
    await put(bench.images, SHOP, old)
    await put(bench.images, SHOP, new)
    layout, name = Layout(bench.folder), image_name(SHOP)
    assert layout.revision_link(name.repository, old.digest).exists()  # nodes that are at it get it to its end
    bench.now += FRESH_SECONDS + 1
    assert await bench.images.sweep() == old.size + len(old.manifest)
    assert not layout.revision_link(name.repository, old.digest).exists()
    assert [path.name for path in layout.index(name).iterdir()] == [new.digest.removeprefix("sha256:")]
    assert (await bench.again()).all()[SHOP].digest == new.digest


async def test_a_repository_inside_of_another_one_s_name_is_left_alone(bench: Bench) -> None:
    image = small_image(b"one")
    await put(bench.images, "example.com/shop:1", image)
    await put(bench.images, "example.com/shop/till:1", image)
    await bench.images.delete("example.com/shop:1")
    assert list((await bench.again()).all()) == ["example.com/shop/till:1"]
    await bench.images.delete("example.com/shop/till:1")
    assert list(Layout(bench.folder).repositories.iterdir()) == []


@pytest.mark.parametrize("harm", ["a blob is gone", "a blob is cut", "the manifest is changed", "the link is garbage"])
async def test_an_image_that_is_not_whole_any_more_is_not_offered(bench: Bench, harm: str) -> None:
    image = small_image(b"one" * 100)
    await put(bench.images, SHOP, image)
    await put(bench.images, ETCD, small_image(b"other"))
    layout, layer = Layout(bench.folder), list(image.blobs)[1]
    if harm == "a blob is gone":
        layout.blob(layer).unlink()
    elif harm == "a blob is cut":
        layout.blob(layer).write_bytes(image.blobs[layer][:-1])
    elif harm == "the manifest is changed":
        layout.blob(image.digest).write_bytes(image.manifest + b" ")
    else:
        layout.current_link(image_name(SHOP)).write_bytes(b"\0garbage")
    images = await bench.again()
    assert list(images.all()) == [ETCD]
    await put(images, SHOP, image)  # pushed again, it is well again
    assert sorted((await bench.again()).all()) == [SHOP, ETCD]


async def test_links_that_a_power_cut_took_are_made_again(bench: Bench) -> None:
    image = small_image(b"one")
    await put(bench.images, SHOP, image)
    files = bench.files()
    layout, name = Layout(bench.folder), image_name(SHOP)
    layout.layer_link(name.repository, list(image.blobs)[1]).unlink()
    layout.revision_link(name.repository, image.digest).write_bytes(b"")
    await bench.again()
    assert bench.files() == files


async def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kibibytes=256) as disk:
        bench = Bench(disk / "registry")
        await bench.images.open()
        await put(bench.images, SHOP, small_image(b"one"))
        before = bench.files()
        content = b"x" * 400_000
        with pytest.raises(Refused, match=f"The disk of {bench.folder} is full") as caught:
            await bench.images.add_blob(digest_of(content), len(content), pieces(content))
        assert "fairlead images rm" in caught.value.next_step
        assert bench.files() == before
        await bench.images.close()


async def test_links_that_find_no_room_leave_no_name(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kibibytes=256) as disk:
        bench = Bench(disk / "registry")
        await bench.images.open()
        image = small_image(b"one")
        for digest, content in image.blobs.items():
            await bench.images.add_blob(digest, len(content), pieces(content))
        with pytest.raises(OSError, match="No space left"):
            (disk / "filler").write_bytes(bytes(256 * 1024))
        with pytest.raises(Refused, match="is full"):
            await bench.images.put(SHOP, image.manifest)
        assert dict((await bench.again()).all()) == {}
        (disk / "filler").unlink()
        await bench.images.put(SHOP, image.manifest)
        assert list((await bench.again()).all()) == [SHOP]
        await bench.images.close()


async def test_some_room_is_left_for_the_database_beside_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kibibytes=1024) as disk:
        bench = Bench(disk / "registry", reserve=512 * 1024)
        content = b"x" * 600_000
        with pytest.raises(Refused, match="is full"):
            await bench.images.add_blob(digest_of(content), len(content), pieces(content))
        await bench.images.close()


async def test_many_at_once_do_not_get_in_each_others_way(bench: Bench) -> None:
    made = {f"example.com/shop:{number}": small_image(b"both", b"%d" % number) for number in range(8)}
    await asyncio.gather(*(put(bench.images, name, image) for name, image in made.items()))
    assert {name: image.digest for name, image in bench.images.all().items()} == {
        name: image.digest for name, image in made.items()
    }
    bench.now += FRESH_SECONDS + 1
    await asyncio.gather(*(bench.images.delete(name) for name in made), bench.images.sweep())
    assert bench.files() == []


async def test_of_two_who_take_the_same_name_away_one_does(bench: Bench) -> None:
    await put(bench.images, SHOP, small_image(b"one"))
    ended = await asyncio.gather(bench.images.delete(SHOP), bench.images.delete(SHOP), return_exceptions=True)
    assert sum(isinstance(one, FairleadError) for one in ended) == 1
