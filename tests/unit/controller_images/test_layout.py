"""The store's paths are distribution's, and no name or digest leads out of it or into another one's place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.images.layout import Layout
from fairlead_wire.errors import Invalid
from fairlead_wire.image_names import ImageName, image_name

LAYOUT = Layout(Path("/store"))
DIGEST = "sha256:" + "ab" * 32
NAME = image_name("registry.k8s.io/etcd:3.7.3-0")
COMPONENTS = st.from_regex(r"\A[a-z0-9]{1,9}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,9}){0,2}\Z")
NAMES = st.builds(
    ImageName,
    st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join),
    st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z"),
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (LAYOUT.blob(DIGEST), f"blobs/sha256/ab/{'ab' * 32}/data"),
        (LAYOUT.layer_link("a/b", DIGEST), f"repositories/a/b/_layers/sha256/{'ab' * 32}/link"),
        (LAYOUT.revision_link("a/b", DIGEST), f"repositories/a/b/_manifests/revisions/sha256/{'ab' * 32}/link"),
        (LAYOUT.current_link(NAME), "repositories/registry.k8s.io/etcd/_manifests/tags/3.7.3-0/current/link"),
        (
            LAYOUT.index_link(NAME, DIGEST),
            f"repositories/registry.k8s.io/etcd/_manifests/tags/3.7.3-0/index/sha256/{'ab' * 32}/link",
        ),
    ],
)
def test_everything_is_where_distribution_looks_for_it(path: Path, expected: str) -> None:
    assert path == Path("/store/docker/registry/v2") / expected


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "ab" * 32,
        "sha256:",
        "sha256:" + "AB" * 32,
        "sha256:" + "ab" * 31,
        f"{DIGEST}\n",
        "sha512:" + "ab" * 64,
        "sha256:../../../../etc/passwd",
        f"sha256:{'../' * 21}a",
        "x" * 100_000,
    ],
)
def test_what_is_no_digest_leads_nowhere(digest: str) -> None:
    with pytest.raises(Invalid, match="is no digest") as caught:
        LAYOUT.blob(digest)
    assert len(caught.value.message) < 200


@given(NAMES)
def test_a_name_is_found_again_from_its_link(name: ImageName) -> None:
    assert LAYOUT.name_of(LAYOUT.current_link(name)) == name


@given(NAMES, NAMES)
def test_two_names_never_share_a_link_and_none_leads_out_of_the_store(one: ImageName, two: ImageName) -> None:
    first, second = LAYOUT.current_link(one), LAYOUT.current_link(two)
    assert (first == second) == (one == two)
    assert not first.is_relative_to(second.parent) or one == two
    assert Path(*first.parts).resolve().is_relative_to("/store")
