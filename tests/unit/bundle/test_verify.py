"""A bundle that is not as it was made is refused, with what is wrong with it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fairlead_cli.bundle import layout, tarball
from fairlead_cli.bundle.contents import Contents, digest_of
from fairlead_cli.bundle.document import BUNDLE_TYPE, Document, artifact, index
from fairlead_cli.bundle.opened import open_bundle
from fairlead_cli.bundle.verify import problems
from fairlead_cli.bundle.verifying import refuse_unless_well
from fairlead_testing import small_bundle
from fairlead_wire.errors import Invalid, Missing


@cache
def good() -> bytes:
    """The bytes of a bundle that is well."""
    with tempfile.TemporaryDirectory() as folder:
        return small_bundle.bundle(Path(folder)).read_bytes()


def wrong(content: bytes) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b.tar"
        path.write_bytes(content)
        return problems(path, small_bundle.step())


def packed(members: Mapping[str, bytes]) -> bytes:
    """A tar as a bundle is one."""
    parts = [tarball.header(name, len(one)) + one + bytes(tarball.padding(len(one))) for name, one in members.items()]
    return b"".join(parts) + tarball.END


@pytest.fixture
def members(tmp_path: Path) -> dict[str, bytes]:
    """The members of a bundle that is well."""
    bundle = open_bundle(small_bundle.bundle(tmp_path))
    return {name: bundle.content(name) for name in bundle.members}


@pytest.fixture
def made(tmp_path: Path) -> Contents:
    return small_bundle.filled(small_bundle.two_images(tmp_path / "more"))


def layers_of(made: Contents) -> list[str]:
    return list(made.members)[-3:]


def test_a_bundle_as_it_was_made_is_well() -> None:
    assert wrong(good()) == []


def test_packing_it_anew_is_the_same_file(members: dict[str, bytes]) -> None:
    assert packed(members) == good()


@given(st.data())
def test_any_changed_bit_is_refused(data: st.DataObject) -> None:
    content = bytearray(good())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert wrong(bytes(content))


@given(st.data())
def test_any_truncation_is_refused(data: st.DataObject) -> None:
    assert wrong(good()[: data.draw(st.integers(0, len(good()) - 1))])


@given(st.binary(max_size=2_000))
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    assert wrong(content)


@given(st.binary(min_size=1, max_size=2_000))
def test_what_follows_its_end_is_refused(content: bytes) -> None:
    assert f"{len(content)} bytes follow the end of the bundle." in wrong(good() + content)


def test_the_bytes_of_index_and_layout_count(members: dict[str, bytes]) -> None:
    for name in (layout.LAYOUT, layout.INDEX):
        for at in range(0, len(members[name]), 5):
            content = bytearray(members[name])
            content[at] ^= 1
            assert wrong(packed({**members, name: bytes(content)})), (name, at)


def test_a_corrupted_layer_is_named(members: dict[str, bytes], made: Contents) -> None:
    name = layers_of(made)[0]
    content = members[name][:-1] + b"!"
    assert wrong(packed({**members, name: content})) == [
        f"{name} is corrupted: its content has the digest {digest_of(content)}."
    ]


def test_a_truncated_layer_is_named(members: dict[str, bytes], made: Contents) -> None:
    name = layers_of(made)[-1]
    cut = len(good()) - len(tarball.END) - tarball.padding(len(members[name])) - 100
    size = len(members[name])
    assert wrong(good()[:cut]) == [f"{name} is truncated: {size - 100} of {size} bytes are there, and nothing follows."]


def test_a_missing_layer_is_named_with_who_refers_to_it(members: dict[str, bytes], made: Contents) -> None:
    for name in layers_of(made):
        told = wrong(packed({other: content for other, content in members.items() if other != name}))
        assert told
        assert all(one.startswith(f"{name} is missing: image ") for one in told)


def test_a_foreign_blob_is_named(members: dict[str, bytes]) -> None:
    name = layout.blob_name(digest_of(b"from elsewhere"))
    assert wrong(packed({**members, name: b"from elsewhere"})) == [f"{name} is foreign: nothing refers to it."]
    assert wrong(packed({**members, "../../etc/passwd": b"root"})) == [
        "../../etc/passwd is foreign: nothing refers to it."
    ]


def test_a_member_that_is_there_twice_is_named(members: dict[str, bytes], made: Contents) -> None:
    name = layers_of(made)[-1]
    again = packed({name: members[name]})
    assert f"{name} is there twice." in wrong(good()[: -len(tarball.END)] + again)


def test_another_order_is_refused(members: dict[str, bytes]) -> None:
    [told] = wrong(packed(dict(reversed(members.items()))))
    assert "another order" in told


def with_document(members: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> bytes:
    """The bundle with a changed manifest of its own, and everything that follows from it."""
    old = document_of(members)
    changed = json.loads(members[old])
    change(changed)
    document = Document.model_validate(changed)
    content = document.content()
    told = artifact(document, digest_of(content), len(content))
    sizes = [len(members[layout.blob_name(entry.manifest)]) for entry in document.images]
    kept = {name: one for name, one in members.items() if name not in (old, artifact_of(members))}
    kept[layout.INDEX] = index(document, digest_of(told), len(told), sizes)
    fresh = {layout.blob_name(digest_of(one)): one for one in (content, told)}
    return packed(kept | fresh)


def artifact_of(members: dict[str, bytes]) -> str:
    described = json.loads(members[layout.INDEX])["manifests"]
    [digest] = [one["digest"] for one in described if one.get("artifactType") == BUNDLE_TYPE]
    return layout.blob_name(digest)


def document_of(members: dict[str, bytes]) -> str:
    return layout.blob_name(json.loads(members[artifact_of(members)])["layers"][0]["digest"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "../../etc/cron.d/x"), ("name", "-x"), ("references", ["--help:1"]), ("references", ["a b:1"])],
)
def test_a_bundle_cannot_choose_names_that_lead_elsewhere(members: dict[str, bytes], field: str, value: object) -> None:
    document = json.loads(members[document_of(members)])
    document["images"][0][field] = value
    with pytest.raises(ValidationError):
        Document.model_validate(document)


def swap_ids(document: dict[str, Any]) -> None:
    one, two = document["images"]
    one["id"], two["id"] = two["id"], one["id"]


def lie_about_size(document: dict[str, Any]) -> None:
    document["images"][0]["size"] += 1


def lie_about_platform(document: dict[str, Any]) -> None:
    document["platform"] = "linux/arm64"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swap_ids, "and the bundle's manifest says sha256:"),
        (lie_about_size, "bytes, and the bundle's manifest says"),
        (lie_about_platform, "is for linux/amd64, and the bundle's manifest says linux/arm64."),
    ],
)
def test_a_manifest_that_disagrees_with_the_images_is_refused(
    members: dict[str, bytes], change: Callable[[dict[str, Any]], None], words: str
) -> None:
    assert any(words in told for told in wrong(with_document(members, change)))


def test_an_index_that_names_an_image_otherwise_is_refused(members: dict[str, bytes]) -> None:
    content = members[layout.INDEX].replace(b"example.com/one:1", b"example.com/own:1")
    assert wrong(packed({**members, layout.INDEX: content})) == [
        "index.json does not agree with the bundle's own manifest."
    ]


def test_the_gate_tells_everything_at_once(tmp_path: Path, members: dict[str, bytes], made: Contents) -> None:
    one, two, _ = layers_of(made)
    (tmp_path / "b.tar").write_bytes(packed({**members, one: b"not it", two: b"nor this"}))
    with pytest.raises(Invalid, match="is not a bundle that can be used") as told:
        refuse_unless_well(tmp_path / "b.tar", "", small_bundle.step())
    assert {problem.what.split()[0] for problem in told.value.problems} >= {one, two}
    assert told.value.next_step == "Copy the bundle again, or make it anew."


def test_the_gate_refuses_another_bundle_than_the_wanted_one(tmp_path: Path) -> None:
    path = small_bundle.bundle(tmp_path)
    digest = open_bundle(path).digest
    assert refuse_unless_well(path, digest, small_bundle.step()).digest == digest
    with pytest.raises(Invalid, match="was asked for"):
        refuse_unless_well(path, f"sha256:{'0' * 64}", small_bundle.step())
    with pytest.raises(Missing, match="There is no file"):
        refuse_unless_well(tmp_path / "none.tar", "", small_bundle.step())
