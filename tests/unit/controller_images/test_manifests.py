"""Manifests of images are taken, everything else is refused with what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.images.manifests import DOCKER, LARGEST, LISTS, OCI, fleet_image, parse
from fairlead_testing.fleet_images import CONFIG, digest_of, small_image
from fairlead_wire.errors import Invalid

BLOB: dict[str, Any] = {"mediaType": CONFIG, "digest": digest_of(b""), "size": 0}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", [OCI, DOCKER])
def test_an_image_is_what_its_manifest_says(kind: str) -> None:
    made = small_image(b"one", b"two", kind=kind)
    image = fleet_image("registry.k8s.io/etcd:1", parse(made.manifest), 7.0)
    config, *layers = made.blobs
    assert (image.digest, image.image_id, [*image.blobs]) == (made.digest, config, [config, *layers])
    assert (image.size, image.put_at) == (made.size, 7.0)


def test_a_layer_that_is_there_twice_counts_once() -> None:
    made = small_image(b"one")
    document = json.loads(made.manifest)
    document["layers"] *= 2
    parsed = parse(json.dumps(document).encode())
    assert len(parsed.layers) == 2
    assert fleet_image("a", parsed, 0.0).size == made.size


def test_a_manifest_of_the_oci_need_not_name_its_kind() -> None:
    document = json.loads(small_image(b"one").manifest)
    del document["mediaType"]
    assert len(parse(json.dumps(document).encode()).blobs) == 2


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"schemaVersion": 1}, "schemaVersion"),
        ({"schemaVersion": True}, "schemaVersion"),
        ({"schemaVersion": 2.0}, "schemaVersion"),
        ({"mediaType": "text/plain"}, "mediaType"),
        ({"mediaType": ["x"]}, "mediaType"),
        ({"config": None}, "config"),
        ({"config": {**BLOB, "mediaType": "application/vnd.example"}}, "config.mediaType"),
        ({"config": {**BLOB, "digest": "sha256:../../x"}}, "config.digest"),
        ({"config": {**BLOB, "digest": 7}}, "config.digest"),
        ({"config": {**BLOB, "size": -1}}, "config.size"),
        ({"config": {**BLOB, "size": 2**63}}, "config.size"),
        ({"config": {**BLOB, "size": True}}, "config.size"),
        ({"layers": "many"}, "layers"),
        ({"layers": [BLOB, 7]}, "layers[1]"),
        ({"layers": [{**BLOB, "urls": ["https://example.com/layer"]}]}, "layers[0].urls"),
        ({"layers": [BLOB, {**BLOB, "size": 1}]}, "layers"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(changed: dict[str, Any], where: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(small_image(b"one", **changed).manifest)
    assert where in [problem.where for problem in caught.value.problems]
    assert "one platform" in caught.value.next_step


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("{}".encode("utf-16"), "not JSON"),
        (b'{"schemaVersion": NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b" " * (LARGEST + 1), f"has {LARGEST + 1} bytes"),
        *((json.dumps({"mediaType": kind, "manifests": []}).encode(), "list of images") for kind in LISTS),
        (b'{"schemaVersion": 2, "manifests": []}', "list of images"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_manifest_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        parse(content)


@given(st.binary() | JSON.map(json.dumps).map(str.encode))
def test_garbage_is_an_error_and_never_a_fault(content: bytes) -> None:
    with pytest.raises(Invalid):
        parse(content)


@given(st.sampled_from(["schemaVersion", "mediaType", "config", "layers"]), JSON)
def test_garbage_in_one_field_is_an_error_or_a_manifest(field: str, value: Any) -> None:
    with suppress(Invalid):
        parse(small_image(b"one", **{field: value}).manifest)
