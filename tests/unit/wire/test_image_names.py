"""Names of images mean what they mean to Docker."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_wire.errors import Invalid
from fairlead_wire.image_names import ImageName, image_name


@pytest.mark.parametrize(
    ("reference", "repository", "tag"),
    [
        ("nginx", "docker.io/library/nginx", "latest"),
        ("nginx:1.29", "docker.io/library/nginx", "1.29"),
        ("docker.io/nginx", "docker.io/library/nginx", "latest"),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx", "1"),
        ("fairlead/kubelet:v1.37.2", "docker.io/fairlead/kubelet", "v1.37.2"),
        ("registry.k8s.io/etcd:3.7.3-0", "registry.k8s.io/etcd", "3.7.3-0"),
        ("registry.k8s.io/coredns/coredns:v1.14.7", "registry.k8s.io/coredns/coredns", "v1.14.7"),
        ("localhost/shop:A_b.c-D", "localhost/shop", "A_b.c-D"),
        ("a/b__c/d---e.f:1", "docker.io/a/b__c/d---e.f", "1"),
    ],
)
def test_a_name_is_completed_as_docker_does_it(reference: str, repository: str, tag: str) -> None:
    assert image_name(reference) == ImageName(repository, tag)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("", "is no name"),
        ("Shop:1", "is no name"),
        ("shop:", "has the tag ''"),
        ("shop:-1", "has the tag"),
        ("shop:" + "x" * 129, "has the tag"),
        ("shop:ä", "has the tag"),
        ("../../etc/passwd", "is no name"),
        ("a/../b", "is no name"),
        ("a//b", "is no name"),
        ("/a", "is no name"),
        ("a/_layers", "is no name"),
        ("a/_manifests/tags", "is no name"),
        ("a\n/b", "is no name"),
        ("shop:1\n", "has the tag"),
        ("a/" + "b" * 250, "is no name"),
        ("shop@sha256:" + "0" * 64, "has a digest"),
        ("registry.example.com:5000/shop:1", "names the registry registry.example.com:5000"),
        ("Registry.example.com/shop:1", "names the registry Registry.example.com"),
        ("[::1]/shop:1", "names the registry [::1]"),
    ],
)
def test_what_the_registry_could_not_hold_is_refused_with_the_reason(reference: str, said: str) -> None:
    with pytest.raises(Invalid, match=re.escape(said)) as caught:
        image_name(reference)
    assert caught.value.next_step
    assert [problem.where for problem in caught.value.problems] == ["reference"]


@given(st.text())
def test_any_text_has_a_name_or_an_error_and_a_name_means_itself(reference: str) -> None:
    try:
        name = image_name(reference)
    except Invalid:
        return
    assert image_name(str(name)) == name
